// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * The network of a recipe under the real systemd-networkd, in a network namespace of its own. VLAN and
 * bond are read but not made here: not every kernel has them. Guests have: test/e2e/network.test.ts.
 */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as v from 'valibot'
import { planNetwork } from '../appliance/dispatcher/network-plan.ts'
import { judgeNetwork, readLinks } from '../appliance/dispatcher/network-state.ts'
import { Network } from '../schemas/recipe-network.ts'
import { network as everyField } from './recipe-network-values.ts'

let work: string
beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'slipway-networkd-'))
})
afterAll(() => rm(work, { recursive: true, force: true }))

/**
 * `/sys` is read-only for networkd, which then takes cards as they are: nothing here is udev. The card's
 * other end stays in the namespace, without an address.
 */
const SCRIPT = `ip link set lo up
ip link add eth9 address 52:54:00:12:34:56 type veth peer name peer
ip link set peer up
mount -t tmpfs none /run; mkdir -p /run/systemd/network
install -d -o systemd-network -g systemd-network /run/systemd/netif /run/systemd/netif/links /run/systemd/netif/leases /run/systemd/netif/lldp
umount -R /sys; mount -t sysfs -o ro none /sys
mount -t tmpfs none /etc/systemd
cp "$WORK"/files/* /run/systemd/network/
env -i PATH="$PATH" SYSTEMD_LOG_LEVEL=info SYSTEMD_LOG_TARGET=console /lib/systemd/systemd-networkd > "$WORK/log" 2>&1 &
for look in $(seq 150); do
  sleep 0.1
  case $(ip -details -json address show eth9; ip route) in *tentative*) ;; *UNTIL*) break;; esac
done
ip -details -json address show > "$WORK/addresses"
ip route > "$WORK/routes"; ip -6 route >> "$WORK/routes"
kill $!; wait`

/** What the kernel has after networkd read the plan; `until` is looked for in its words. */
async function underNetworkd(network: unknown, until: string) {
  const plan = planNetwork(v.parse(Network, network))
  await mkdir(join(work, 'files'), { recursive: true })
  for (const [name, text] of plan.files) await writeFile(join(work, 'files', name), text)
  const script = SCRIPT.replace('UNTIL', until)
  const child = Bun.spawn(['unshare', '-n', '-m', '--propagation', 'private', 'sh', '-c', script], {
    env: { ...process.env, WORK: work },
    stdio: ['ignore', 'ignore', Bun.file(join(work, 'errors'))],
    timeout: 30_000,
  })
  await child.exited
  await rm(join(work, 'files'), { recursive: true })
  const read = (name: string) => readFile(join(work, name), 'utf8')
  const addresses = await read('addresses')
  const os = { run: async () => ({ code: 0, stdout: addresses, stderr: '' }) }
  const links = (await readLinks(os as never)) ?? []
  return { plan, links, routes: await read('routes'), log: await read('log'), addresses }
}

const MATCH = { match: { macaddress: '52:54:00:12:34:56' } }

test('a fixed address with everything around it', async () => {
  const lan = {
    ...MATCH,
    ...{ addresses: ['10.0.0.5/24', 'fd00:0:0::5/64'], mtu: 1_400, 'accept-ra': false },
    routes: [
      { to: 'default', via: '10.0.0.1', metric: 50 },
      { to: 'default', via: 'fd00::1' },
      { to: '10.9.0.0/16', via: '10.1.0.1', 'on-link': true },
      { to: '10.8.0.0/16', 'on-link': true },
    ],
    nameservers: { addresses: ['10.0.0.2'], search: ['example.org'] },
  }
  const { plan, links, routes, addresses } = await underNetworkd(
    { ethernets: { lan } },
    '10.9.0.0/16',
  )
  expect(judgeNetwork(links, plan.wanted)).toEqual({
    up: ['eth9 (52:54:00:12:34:56) has 10.0.0.5/24, fd00::5/64'],
    lacking: [],
  })
  expect(addresses).toMatch(/"eth9"[^}]*"mtu":1400/)
  for (const route of [
    'default via 10.0.0.1 dev eth9 proto static metric 50',
    '10.9.0.0/16 via 10.1.0.1 dev eth9 proto static onlink',
    '10.8.0.0/16 dev eth9 proto static scope link',
    'default via fd00::1 dev eth9',
  ])
    expect(routes).toContain(route)
}, 40_000)

test('there is no word that networkd does not know', async () => {
  const lan0 = { ...MATCH, dhcp4: true, dhcp6: true, addresses: ['10.0.0.5/24'] }
  const ethernets = { ...(everyField['ethernets'] as object), lan0 }
  const { log } = await underNetworkd({ ...everyField, ethernets }, '10.0.0.5')
  expect(log).toContain('eth9: ')
  expect(log).not.toMatch(/unknown|ignoring assignment|failed to parse|invalid/i)
}, 40_000)
