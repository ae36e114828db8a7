// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, test } from 'bun:test'
import type { ControllerRules } from '../../core/jobs/controller.ts'
import { createContact } from '../../test/fake-bmc/contact.ts'
import { scriptBmc } from '../../test/fake-bmc/scripted.ts'
import { at, capturedTree, type ResourceTree, treeBehaviour } from '../../test/fake-bmc/tree.ts'
import { redfishDell } from '../redfish-dell/index.ts'
import { redfishSupermicro } from '../redfish-supermicro/index.ts'

const signal = AbortSignal.timeout(20_000)
const profiles = [redfishDell, redfishSupermicro]

interface Setting {
  readonly systemUri?: string
  readonly rules?: ControllerRules
  readonly patchable?: boolean
  readonly mediaPlan?: 'two-cd' | 'cd-usb' | 'one'
}

/** Opens a session with a controller that answers as it was captured. */
async function meet(tree: ResourceTree, setting: Setting = {}) {
  await using scope = new AsyncDisposableStack()
  const plain = treeBehaviour(tree)
  const bmc = scope.use(
    await scriptBmc((heard) => {
      const reply = plain(heard)
      if (typeof reply === 'function' || !setting.patchable) return reply
      return { ...reply, headers: { Allow: 'GET, HEAD, PATCH', ...reply.headers } }
    }),
  )
  const contact = scope.use(await createContact({ url: bmc.url, profiles, ...setting }))
  const session = scope.use(await contact.open())
  const opened = scope.move()
  return { session, bmc, [Symbol.asyncDispose]: () => opened.disposeAsync() }
}

describe('the plan for a captured controller', () => {
  test.each([
    {
      set: 'dell-r750-idrac9-6.00.30.00',
      identity: { vendor: 'Dell', managerFirmware: '6.00.30.00', oem: ['Dell'] },
      name: 'two-cd',
      boot: '/redfish/v1/Systems/System.Embedded.1/VirtualMedia/1',
      task: '/redfish/v1/Systems/System.Embedded.1/VirtualMedia/2',
      bootTarget: 'Cd',
    },
    {
      set: 'supermicro-821ge-tnhr-x13-11.01.01',
      identity: { vendor: 'Supermicro', product: '', systemModel: 'SYS-821GE-TNHR' },
      name: 'two-cd',
      boot: '/redfish/v1/Managers/1/VirtualMedia/VirtualMedia1',
      task: '/redfish/v1/Managers/1/VirtualMedia/VirtualMedia2',
      bootTarget: 'UsbCd',
    },
    {
      set: 'hpe-dl360gen10plus-ilo5-3.11',
      identity: { vendor: 'HPE', managerModel: 'iLO 5', oem: ['Hpe'] },
      name: 'cd-usb',
      boot: '/redfish/v1/Managers/1/VirtualMedia/2',
      task: '/redfish/v1/Managers/1/VirtualMedia/1',
      bootTarget: 'Cd',
    },
    {
      set: 'openbmc-gb200-24.12-8',
      setting: { systemUri: '/redfish/v1/Systems/System_0' },
      identity: { vendor: 'NVIDIA', product: 'GB200 NVL' },
      name: 'two-cd',
      boot: '/redfish/v1/Managers/BMC_0/VirtualMedia/USB1',
      task: '/redfish/v1/Managers/BMC_0/VirtualMedia/USB2',
      bootTarget: 'Cd',
    },
    {
      set: 'fake-driver-two-cd',
      identity: { redfishVersion: '1.5.0' },
      name: 'two-cd',
      boot: /\/Systems\/[^/]+\/VirtualMedia\/Cd$/,
      task: /\/Systems\/[^/]+\/VirtualMedia\/Cd2$/,
      bootTarget: 'Cd',
    },
    {
      // Rules alone are enough for a family that takes PATCH, whether it says so or not.
      set: 'lenovo-sr670v2-xcc-2.83',
      setting: { rules: { insertBy: 'patch' as const, usableDrives: '/EXT\\d$' } },
      identity: { vendor: 'Lenovo' },
      name: 'two-cd',
      boot: '/redfish/v1/Systems/1/VirtualMedia/EXT1',
      task: '/redfish/v1/Systems/1/VirtualMedia/EXT2',
      bootTarget: 'Cd',
    },
  ])('$set: $name', async ({ set, setting, identity, name, boot, task, bootTarget }) => {
    await using met = await meet(capturedTree(set), setting)
    expect(met.session.identity).toMatchObject(identity)
    const plan = await met.session.plan(signal)
    expect(plan).toMatchObject({ name, scheme: 'http', bootTarget })
    expect(plan.drives.boot).toMatch(boot)
    expect(plan.drives.task).toMatch(task)
    expect(plan.why).toContain('boots')
  })

  test('PATCH in Allow is enough for a drive without an action', async () => {
    const rules = { usableDrives: '/EXT\\d$' }
    await using met = await meet(capturedTree('lenovo-sr670v2-xcc-2.83'), {
      patchable: true,
      rules,
    })
    expect((await met.session.plan(signal)).name).toBe('two-cd')
  })

  test.each([
    { wanted: 'cd-usb' as const, gives: 'cd-usb' },
    { wanted: 'two-cd' as const, gives: 'redfish.no-media' },
    { wanted: 'one' as const, gives: 'one' },
  ])('the machine’s own wish for $wanted gives $gives', async ({ wanted, gives }) => {
    const tree = capturedTree('hpe-dl360gen10plus-ilo5-3.11')
    await using met = await meet(tree, { mediaPlan: wanted })
    const found = await met.session.plan(signal).catch((caught) => caught)
    expect(found.code ?? found.name).toBe(gives)
  })

  test.each([
    {
      name: 'a profile says one image at a time',
      set: 'hpe-dl360gen10plus-ilo5-3.11',
      rules: { twoImages: false },
      boot: '/redfish/v1/Managers/1/VirtualMedia/2',
      why: 'only one image can be in at a time',
    },
    {
      name: 'there is one drive',
      set: 'gigabyte-h262z63-ami-12.84.13',
      rules: {},
      boot: '/redfish/v1/Managers/Self/VirtualMedia/CD1',
      why: 'only one drive takes images',
    },
  ])('one image for both where $name', async ({ set, rules, boot, why }) => {
    await using met = await meet(capturedTree(set), { rules })
    const plan = await met.session.plan(signal)
    expect(plan).toMatchObject({ name: 'one', drives: { boot }, scheme: 'http' })
    expect(plan.why).toContain(why)
  })

  test.each([
    { boot: ['HTTPS', 'CIFS'], task: ['HTTPS'], gives: 'https' },
    { boot: ['HTTP', 'HTTPS'], task: ['HTTPS'], gives: 'https' },
    { boot: ['HTTP', 'HTTPS'], task: ['HTTP', 'HTTPS'], gives: 'http' },
    { boot: ['NFS'], task: ['HTTP'], gives: 'redfish.no-media' },
  ])('drives that fetch $boot and $task give $gives', async ({ boot, task, gives }) => {
    const tree = capturedTree('hpe-dl360gen10plus-ilo5-3.11')
    for (const [id, protocols] of [
      [2, boot],
      [1, task],
    ] as const) {
      const uri = `/redfish/v1/Managers/1/VirtualMedia/${id}`
      const allowed = { 'TransferProtocolType@Redfish.AllowableValues': protocols }
      const insert = { target: `${uri}/insert`, ...allowed }
      at(tree, uri)['Actions'] = { '#VirtualMedia.InsertMedia': insert }
    }
    await using met = await meet(tree)
    const found = await met.session.plan(signal).catch((caught) => caught)
    expect(found.code ?? found.scheme).toBe(gives)
  })

  test.each([
    {
      set: 'dmtf-public-rackmount1-1.15',
      why: 'drives without InsertMedia',
      says: ['has no InsertMedia and takes no PATCH'],
    },
    {
      set: 'openbmc-bluefield3-24.10',
      why: 'no virtual media at all',
      says: ['Virtual drives found: none'],
    },
    {
      set: 'lenovo-sr670v2-xcc-2.83',
      why: 'PATCH only, and not allowed',
      says: ['EXT1', 'has no InsertMedia and takes no PATCH'],
    },
  ])('$set: none, for $why', async ({ set, says }) => {
    await using met = await meet(capturedTree(set))
    const error = await met.session.plan(signal).catch((caught) => caught)
    expect(error).toMatchObject({ code: 'redfish.no-media' })
    for (const words of says) expect(error.message).toContain(words)
  })
})

describe('which system is meant', () => {
  test('several and none chosen: the fault names them', async () => {
    const tree = capturedTree('openbmc-gb200-24.12-8')
    const members = at(tree, '/redfish/v1/Systems')['Members'] as { '@odata.id': string }[]
    expect(members.length).toBeGreaterThan(1)
    const error = await meet(tree).catch((caught) => caught)
    expect(error).toMatchObject({ code: 'redfish.system' })
    for (const member of members) expect(error.message).toContain(member['@odata.id'])
  })

  test('a collection in pages is read to its end', async () => {
    const tree = capturedTree('hpe-dl360gen10plus-ilo5-3.11')
    const media = at(tree, '/redfish/v1/Managers/1/VirtualMedia')
    const [first, second] = media['Members'] as unknown[]
    tree.set('/redfish/v1/Managers/1/VirtualMedia', {
      Members: [first],
      'Members@odata.nextLink': '/redfish/v1/more',
    })
    tree.set('/redfish/v1/more', { Members: [second] })
    await using met = await meet(tree)
    expect((await met.session.read(signal)).drives.map(({ id }) => id)).toEqual(['1', '2'])
  })

  test('a collection whose pages go in circles is an error, not a hang', async () => {
    const tree = capturedTree('hpe-dl360gen10plus-ilo5-3.11')
    at(tree, '/redfish/v1/Systems')['Members@odata.nextLink'] = '/redfish/v1/Systems'
    await expect(meet(tree)).rejects.toMatchObject({ code: 'redfish.not-redfish' })
  })

  test('managers are found by their collection when the system names none', async () => {
    const tree = capturedTree('hpe-dl360gen10plus-ilo5-3.11')
    at(tree, '/redfish/v1/Systems/1')['Links'] = {}
    await using met = await meet(tree)
    expect(met.session.identity.managerModel).toBe('iLO 5')
  })

  test('a drive that is listed and not there leaves the others', async () => {
    const tree = capturedTree('hpe-dl360gen10plus-ilo5-3.11')
    tree.delete('/redfish/v1/Managers/1/VirtualMedia/1')
    await using met = await meet(tree)
    expect((await met.session.read(signal)).drives.map(({ id }) => id)).toEqual(['2'])
  })

  test('a link to drives that are not there leaves the other drives', async () => {
    const tree = capturedTree('dell-r750-idrac9-6.00.30.00')
    tree.delete('/redfish/v1/Managers/iDRAC.Embedded.1/VirtualMedia')
    await using met = await meet(tree)
    expect((await met.session.read(signal)).drives.map(({ id }) => id)).toEqual(['1', '2'])
  })
})

describe('drives as captured', () => {
  test('an image that is in is shown with its URL', async () => {
    await using met = await meet(capturedTree('hpe-dl360gen10plus-ilo5-3.11'))
    const { drives } = await met.session.read(signal)
    expect(drives[0]).toMatchObject({
      id: '1',
      inserted: true,
      image: expect.stringContaining('http://172.18.58.146'),
    })
    expect(drives[1]).toMatchObject({ id: '2', inserted: false, image: undefined })
  })

  test('the word None of AMI is no image', async () => {
    await using met = await meet(capturedTree('gigabyte-h262z63-ami-12.84.13'))
    const { drives } = await met.session.read(signal)
    expect(drives).toMatchObject([{ id: 'CD1', inserted: false, image: undefined }])
  })

  test('an image that stays readable after the eject is not in', async () => {
    const tree = capturedTree('supermicro-821ge-tnhr-x13-11.01.01')
    const drive = at(tree, '/redfish/v1/Managers/1/VirtualMedia/VirtualMedia1')
    Object.assign(drive, { Image: 'http://a/b.iso', Inserted: true, ConnectedVia: 'NotConnected' })
    await using met = await meet(tree)
    const { drives } = await met.session.read(signal)
    expect(drives[0]).toMatchObject({ inserted: false, image: undefined })
  })
})
