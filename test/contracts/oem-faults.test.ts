// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import {
  type Asked,
  DROPPED,
  type Interception,
  startSimulator,
} from '../../plugins/simulator/index.ts'
import { createContact } from '../fake-bmc/contact.ts'
import { serveImages } from '../fake-bmc/images.ts'
import { profilePlugins } from './simulated.ts'

// What goes wrong in the OEM actions of a family, and what becomes of it.

const signal = AbortSignal.timeout(20_000)

/** A session with one simulated controller, and images that it can fetch. */
async function open(personality: string, https = false, ...faults: readonly Interception[]) {
  await using scope = new AsyncDisposableStack()
  const images = scope.use(await serveImages(https))
  const simulator = scope.use(await startSimulator({ machines: [{ personality }] }))
  const [machine] = simulator.machines
  if (!machine) throw new Error('the simulator started no machine')
  for (const fault of faults) machine.faults.add(fault)
  const { bmcUrl: url, username, password } = machine
  const contact = scope.use(
    await createContact({ url, username, password, profiles: profilePlugins }),
  )
  const bmc = scope.use(await contact.open())
  const { drives } = await bmc.plan(signal)
  const opened = scope.move()
  return {
    ...{ machine, bmc, contact, images, drive: drives.boot ?? '' },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}

/** Answers the first `times` requests that `is` finds with an error. */
function refusing(
  is: (asked: Asked) => boolean,
  times: number,
  id: string,
  text: string,
): Interception {
  let left = times
  return async (asked, next) => {
    if (!is(asked) || left === 0) return next()
    left -= 1
    const info = [{ MessageId: id, Message: text, MessageArgs: [] }]
    return { status: 400, body: { error: { code: id, '@Message.ExtendedInfo': info } } }
  }
}

const posts = (end: string) => (asked: Asked) => asked.method === 'POST' && asked.path.endsWith(end)
const orders = (requests: readonly { method: string; path: string }[], end: string) =>
  requests.filter(({ method, path }) => method === 'POST' && path.endsWith(end)).length

const IMPORT = '.ImportSystemConfiguration'
const CONTROL = 'VirtualMedia.VmmControl'

// Captured bodies: sushy-oem-idrac error_pending_job.json and error_running_job.json.
test.each(['IDRAC.2.8.LC068', 'IDRAC.2.8.RAC0679'])(
  'an iDRAC that is busy with another configuration job (%s) is waited for',
  async (id) => {
    await using met = await open('dell-idrac9-4.10')
    met.machine.faults.add(refusing(posts(IMPORT), 2, id, 'A job is in progress.'))
    await met.bmc.overrideBootOnce('Cd', signal)
    expect(met.machine.state().bootNext).toBe('VCD-DVD')
    expect(orders(met.machine.requests, IMPORT)).toBe(3)
    expect(met.contact.notes.join()).toContain('waiting for it')
  },
)

test('a configuration that iDRAC refuses is told with its own words', async () => {
  await using met = await open('dell-idrac8')
  met.machine.faults.add(refusing(posts(IMPORT), 9, 'IDRAC.2.8.SYS410', 'No such attribute.'))
  await expect(met.bmc.overrideBootOnce('Cd', signal)).rejects.toMatchObject({
    code: 'redfish.boot',
    message: expect.stringMatching(/VCD-DVD failed\. .*No such attribute\./),
  })
})

test('an override that no boot used up is taken back by configuration, once', async () => {
  await using met = await open('dell-idrac9-4.10')
  await met.bmc.overrideBootOnce('Cd', signal)
  await met.bmc.clearBootOverride(signal)
  expect(met.machine.state().bootNext).toBeUndefined()
  const before = orders(met.machine.requests, IMPORT)
  await met.bmc.clearBootOverride(signal)
  expect(orders(met.machine.requests, IMPORT)).toBe(before)
})

/** Lays more over what a GET of these paths answers. */
const showing =
  (more: Readonly<Record<string, object>>): Interception =>
  async (asked, next) => {
    const extra = more[asked.path.replace(/\/$/, '')]
    const outcome = await next()
    if (!extra || outcome === DROPPED || asked.method !== 'GET') return outcome
    return { ...outcome, status: 200, body: { ...(outcome.body as object), ...extra } }
  }

test('a Supermicro board that lists InsertMedia is not mounted by configuration', async () => {
  const config = '/redfish/v1/Managers/1/VM1/CfgCD'
  const action = (name: string) => ({ target: `${config}/Actions/IsoConfig.${name}` })
  const link = { Supermicro: { VirtualMediaConfig: { '@odata.id': config } } }
  // An X11 by name, with the actions of an X12 beside the configuration of an ISO.
  const extra = showing({
    '/redfish/v1/Systems/1': { Model: 'X11SDV-4C-TLN2F' },
    '/redfish/v1/Managers/1/VM1': { Oem: link },
    [config]: {
      Actions: { '#IsoConfig.Mount': action('Mount'), '#IsoConfig.UnMount': action('UnMount') },
    },
  })
  await using met = await open('supermicro-x12', false, extra)
  expect(met.bmc.profile.name).toBe('supermicro-x11')
  await met.bmc.insertMedia(met.drive, met.images.urls.boot, signal)
  expect(orders(met.machine.requests, 'VirtualMedia.InsertMedia')).toBe(1)
  expect(orders(met.machine.requests, 'IsoConfig.Mount')).toBe(0)
})

test('an iRMC S4 is asked by its own name of the parameter', async () => {
  const action = {
    target: '/redfish/v1/Systems/0/Actions/Oem/FTSComputerSystem.VirtualMedia',
    'VirtualMediaAction@Redfish.AllowableValues': ['ConnectCD', 'ConnectHD'],
  }
  const Actions = { Oem: { '#FTSComputerSystem.VirtualMedia': action } }
  await using met = await open(
    'fujitsu-irmc-s5',
    false,
    showing({ '/redfish/v1/Systems/0': { Actions } }),
  )
  // The simulated one is an S5 and does not know the name: what was sent counts.
  await expect(met.bmc.insertMedia(met.drive, met.images.urls.boot, signal)).rejects.toThrow()
  const sent = met.machine.requests.filter(
    ({ method, path }) => method === 'POST' && path === action.target,
  )
  expect(sent.map(({ body }) => body)).toEqual([{ VirtualMediaAction: 'ConnectCD' }])
})

test('an iBMC opens a session, since the login carries its domain', async () => {
  await using met = await open('huawei-2288h-v5', true)
  expect(met.machine.state().sessions).toBe(1)
  expect(met.contact.notes.join()).not.toContain('No session')
})

test('an iBMC that says try again gets another try', async () => {
  await using met = await open('huawei-2288h-v5', true)
  const words = 'The connection failed, try again.'
  met.machine.faults.add(refusing(posts(CONTROL), 1, 'iBMC.1.0.VmmConnectFailed', words))
  await met.bmc.insertMedia(met.drive, met.images.urls.boot, signal)
  expect(met.machine.state().drives[0]?.image).toBe(met.images.urls.boot)
})

test('an iBMC whose drive is taken, though it reads empty, is freed first', async () => {
  await using met = await open('huawei-2288h-v5', true)
  const words = 'The virtual media connection is occupied.'
  met.machine.faults.add(refusing(posts(CONTROL), 1, 'iBMC.1.0.ConnectionOccupied', words))
  await met.bmc.insertMedia(met.drive, met.images.urls.boot, signal)
  const types = met.machine.requests
    .filter(({ path }) => path.endsWith(CONTROL))
    .map(({ body }) => body?.['VmmControlType'])
  expect(types).toEqual(['Connect', 'Disconnect', 'Connect'])
})

test('an iBMC that never connects fails with its own words', async () => {
  await using met = await open('huawei-2288h-v5', true)
  const words = 'The connection failed, try again.'
  met.machine.faults.add(refusing(posts(CONTROL), 9, 'iBMC.1.0.VmmConnectFailed', words))
  await expect(met.bmc.insertMedia(met.drive, met.images.urls.boot, signal)).rejects.toMatchObject({
    code: 'redfish.insert',
    message: expect.stringContaining(words),
  })
  expect(orders(met.machine.requests, CONTROL)).toBe(3)
})

test.each([
  { personality: 'hpe-ilo4', order: 'HpiLOVirtualMedia.InsertVirtualMedia' },
  { personality: 'supermicro-x11', order: 'IsoConfig.Mount' },
  { personality: 'fujitsu-irmc-s5', order: 'FTSComputerSystem.VirtualMedia' },
])('$personality without a licence says so', async ({ personality, order }) => {
  await using met = await open(personality)
  const id = 'Oem.1.0.LicenseKeyRequired'
  met.machine.faults.add(refusing(posts(order), 9, id, 'A license is required.'))
  await expect(met.bmc.insertMedia(met.drive, met.images.urls.boot, signal)).rejects.toMatchObject({
    code: 'redfish.license',
  })
})

test.each([
  { personality: 'hpe-ilo4', order: 'HpiLOVirtualMedia.InsertVirtualMedia' },
  { personality: 'supermicro-x11', order: 'IsoConfig.Mount' },
  { personality: 'huawei-2288h-v5', order: CONTROL },
])('an image that $personality can not find fails the insert', async ({ personality, order }) => {
  const https = personality.startsWith('huawei')
  await using met = await open(personality, https)
  const missing = met.images.urls.boot.replace('boot.iso', 'missing.iso')
  await expect(met.bmc.insertMedia(met.drive, missing, signal)).rejects.toMatchObject({
    code: expect.stringMatching(/^redfish\.(insert|task)$/),
  })
  expect(orders(met.machine.requests, order)).toBeGreaterThan(0)
})
