// SPDX-License-Identifier: AGPL-3.0-or-later
/** The network of the maintenance OS: set up before the first call, and explained when there is none. */
import { expect, test } from 'bun:test'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { MINUTE, SECOND } from '../../core/units.ts'
import { judgeNetwork, type LinkState } from './network-state.ts'
import { RECIPE, scriptedAppliance, testMachine, writeTestMedium } from './test-bed.ts'

const MAC = '52:54:00:12:34:56'
const lan = { match: { macaddress: MAC.toUpperCase() }, addresses: ['10.0.0.5/24'] }
const NETWORK = { version: 2, ethernets: { lan } }
const FOLDER = '/run/systemd/network'

/** A machine that boots the medium of a recipe with this network. */
async function stage(network: unknown, more: { job?: object } = {}) {
  await using scope = new AsyncDisposableStack()
  const appliance = scope.use(scriptedAppliance())
  const machine = scope.use(await testMachine('MINE'))
  machine.units = [{ name: 'partition.service' }]
  const iso = join(machine.root, 'medium.iso')
  const insert = async (drive: string, asked: unknown, job: object = {}) => {
    const recipe = { ...RECIPE, ...(asked === undefined ? {} : { network: asked }) }
    await writeTestMedium(iso, { recipe, job: { base_urls: [appliance.url], ...job } })
    await machine.insert(drive, iso)
  }
  await insert('sr1', network, more.job)
  const held = scope.move()
  return { appliance, machine, insert, [Symbol.asyncDispose]: () => held.disposeAsync() }
}

test('the network of a recipe is there before anybody is called', async () => {
  await using all = await stage(NETWORK)
  const { machine, appliance } = all
  machine.links = [{ name: 'enp1s0', mac: MAC, address: '' }]
  let called = 0
  machine.onPause = () => {
    if (machine.elapsed() < 5 * SECOND) called = appliance.calls.length
    else machine.links = [{ name: 'enp1s0', mac: MAC, address: '10.0.0.5/24' }]
  }
  expect(await machine.dispatch()).toBe(0)
  expect(called).toBe(0)
  expect(machine.ran[0]).toBe('networkctl reload')
  const text = await readFile(join(machine.root, FOLDER, '10-slipway-lan.network'), 'utf8')
  expect(text).toContain('Address=10.0.0.5/24')
  expect(machine.told).toContain(`network: writing ${FOLDER}/10-slipway-lan.network`)
  expect(machine.told).toContain(`network: enp1s0 (${MAC}) has 10.0.0.5/24`)
  expect(appliance.calls[0]?.body).toEqual({
    ...{ status: 'progress', phase: 'booting', step: 'provision-dispatcher.service' },
  })
})

test('a recipe without a network leaves the image’s own, which asks DHCP', async () => {
  await using all = await stage(undefined)
  expect(await all.machine.dispatch()).toBe(0)
  expect(all.machine.ran).not.toContain('networkctl reload')
  expect(await readdir(join(all.machine.root, '/run'))).toEqual(['provision'])
})

test('what one medium set up does not outlive it', async () => {
  await using all = await stage(NETWORK, { job: { claim_url: '/refused' } })
  const { machine, appliance, insert } = all
  await insert('sr2', undefined)
  appliance.answer = ({ path }) =>
    path === '/refused' ? Response.json({}, { status: 410 }) : undefined
  machine.links = [{ name: 'enp1s0', mac: MAC, address: '10.0.0.5/24' }]
  expect(await machine.dispatch()).toBe(0)
  expect(machine.ran.filter((line) => line === 'networkctl reload')).toHaveLength(2)
  expect(await readdir(join(machine.root, FOLDER))).toEqual([])
})

test('an interface that does not come up is told with the first call that another one lets through', async () => {
  const other = { match: { macaddress: '52:54:00:00:00:99' }, dhcp4: true }
  await using all = await stage({ ethernets: { lan, other } })
  const { machine, appliance } = all
  machine.links = [{ name: 'enp1s0', mac: MAC, address: '10.0.0.5/24' }]
  expect(await machine.dispatch()).toBe(0)
  expect(machine.elapsed()).toBeLessThan(MINUTE)
  const message = 'no card has the MAC 52:54:00:00:00:99 (other)'
  expect(appliance.calls[0]?.body).toMatchObject({ phase: 'booting', message })
})

test('without any network the console says why, and nothing is written', async () => {
  await using all = await stage(NETWORK, { job: { base_urls: ['http://127.0.0.1:9'] } })
  const { machine } = all
  machine.links = [{ name: 'enp1s0', mac: MAC, carrier: false, address: '' }]
  expect(await machine.dispatch()).toBe(0)
  const why = `enp1s0 (${MAC}) has no link: look at its cable and its switch port`
  expect(machine.told).toContain(`network: ${why}`)
  expect(machine.told.at(-1)).toBe(`there is no network: ${why}`)
  expect(machine.ran.filter((line) => line.includes(' start '))).toEqual([])
})

test('a machine of somebody else’s medium asks by DHCP still, and reports', async () => {
  await using all = await stage(NETWORK, { job: { serials: ['OTHER'] } })
  const { machine, appliance } = all
  expect(await machine.dispatch()).toBe(0)
  expect(appliance.calls.at(-1)?.body).toMatchObject({ failed_step: 'machine.mismatch' })
})

test.each([
  ['an OS that does not tell of its network is not waited for', undefined, 0],
  ['a card that the kernel finds late is waited for', [], MINUTE],
])('%s', async (_name, links, ms) => {
  await using all = await stage(undefined)
  const { machine, appliance } = all
  machine.links = links
  let first: number | undefined
  appliance.answer = () => {
    first ??= machine.elapsed()
    return undefined
  }
  expect(await machine.dispatch()).toBe(0)
  expect(first).toBe(ms)
})

const link = (more: Partial<LinkState>): LinkState => ({
  ...{ name: 'eth0', mac: MAC, kind: undefined, carrier: true, addresses: [] },
  ...more,
})
const wish = (more: object) => [
  { ...{ name: 'lan', mac: MAC, dhcp: false, addresses: [] }, ...more },
]

test.each([
  ['a card that is not there', [], wish({}), /no network card; no card has the MAC/],
  ['a card without a link', [link({ carrier: false })], wish({}), /eth0 .* has no link/],
  ['a card that nobody answers', [link({})], wish({ dhcp: true }), /nobody gives it an address/],
  ['an address that is not taken', [link({})], wish({ addresses: ['10.0.0.5/24'] }), /10\.0\.0\.5/],
  [
    'an address with another prefix',
    [link({ addresses: ['10.0.0.5/16'] })],
    wish({ addresses: ['10.0.0.5/24'] }),
    /does not get its address 10\.0\.0\.5\/24/,
  ],
  [
    'a VLAN that the kernel does not make',
    [link({})],
    wish({ name: 'v20', mac: undefined }),
    /v20 could not be made/,
  ],
  [
    'a VLAN that bears the MAC of its card',
    [link({ name: 'v20', kind: 'vlan', addresses: ['10.0.0.5/24'] })],
    wish({ addresses: ['10.0.0.5/24'] }),
    /no card has the MAC/,
  ],
])('%s is named', (_name, links, wanted, words) => {
  const { up, lacking } = judgeNetwork(links, wanted)
  expect(up).toEqual([])
  expect(lacking.join('; ')).toMatch(words)
})

test('an IPv6 address is known however it is written', () => {
  const links = [link({ addresses: ['2001:db8::5/64'] })]
  const wanted = wish({ addresses: ['2001:0DB8:0:0::5/64'] })
  expect(judgeNetwork(links, wanted).lacking).toEqual([])
})
