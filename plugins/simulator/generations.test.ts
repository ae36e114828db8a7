// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, test } from 'bun:test'
import { serveImages } from '../../test/fake-bmc/images.ts'
import { messageId, openMachine } from '../../test/fake-bmc/raw-client.ts'

// What these controllers refuse, asked directly: a client that passes here by luck would not on them.

const ILO_CD = '/redfish/v1/Managers/1/VirtualMedia/2'
const IDRAC = '/redfish/v1/Systems/System.Embedded.1'
const VM1 = '/redfish/v1/Managers/1/VM1'
const IRMC = '/redfish/v1/Systems/0'
const IBMC_CD = '/redfish/v1/Managers/1/VirtualMedia/CD'
const once = { BootSourceOverrideTarget: 'Cd', BootSourceOverrideEnabled: 'Once' }

/** Off, whatever takes an order to get there, and on again until something was booted. */
async function cycle({ machine, send }: Awaited<ReturnType<typeof openMachine>>, system: string) {
  const reset = (ResetType: string) =>
    send('POST', `${system}/Actions/ComputerSystem.Reset`, { body: { ResetType } })
  await reset('ForceOff')
  await machine.waitFor(({ power }) => power === 'Off')
  await reset('On')
  return (await machine.waitFor(({ boots }) => boots.length > 0)).boots.at(-1)?.from
}

describe('iLO 4', () => {
  const insert = `${ILO_CD}/Actions/Oem/Hp/HpiLOVirtualMedia.InsertVirtualMedia`

  test('has no action of the standard, and its own takes nothing but an image', async () => {
    await using images = await serveImages()
    await using open = await openMachine({ personality: 'hpe-ilo4' })
    const standard = `${ILO_CD}/Actions/VirtualMedia.InsertMedia`
    const Image = images.urls.boot
    expect((await open.send('POST', standard, { body: { Image } })).status).toBe(404)
    const more = await open.send('POST', insert, { body: { Image, Inserted: true } })
    expect([more.status, messageId(more)]).toEqual([400, 'Base.0.10.ActionParameterUnknown'])
    expect((await open.send('POST', insert, { body: { Image } })).status).toBe(200)
    expect(open.machine.state().drives.find(({ id }) => id === '2')?.image).toBe(Image)
  })
})

describe.each(['dell-idrac8', 'dell-idrac9-4.10'])('%s', (personality) => {
  const media = '/redfish/v1/Managers/iDRAC.Embedded.1/VirtualMedia/CD'

  test('does not boot its virtual CD by the override Cd', async () => {
    await using images = await serveImages()
    await using open = await openMachine({ personality })
    const body = { Image: images.urls.boot }
    await open.send('POST', `${media}/Actions/VirtualMedia.InsertMedia`, { body })
    expect((await open.send('PATCH', IDRAC, { body: { Boot: once } })).status).toBe(200)
    expect(await cycle(open, IDRAC)).toBe('disk')
  })

  test('refuses a configuration with white space, and a target that is no list', async () => {
    await using open = await openMachine({ personality })
    const path =
      '/redfish/v1/Managers/iDRAC.Embedded.1/Actions/Oem/EID_674_Manager.ImportSystemConfiguration'
    const device = '<Attribute Name="ServerBoot.1#FirstBootDevice">VCD-DVD</Attribute>'
    const post = (ImportBuffer: string, Target: unknown) =>
      open.send('POST', path, { body: { ImportBuffer, ShareParameters: { Target } } })
    expect((await post(`<A>\n${device}</A>`, ['ALL'])).status).toBe(400)
    expect((await post(`<A>${device}</A>`, 'ALL')).status).toBe(400)
    expect((await post(`<A>${device}</A>`, ['ALL'])).status).toBe(202)
    await open.machine.waitFor(({ bootNext }) => bootNext === 'VCD-DVD')
  })
})

test('iDRAC 10 takes Boot in its settings only, with an ETag, and refuses the first power on', async () => {
  await using open = await openMachine({ personality: 'dell-idrac10' })
  const system = await open.send('GET', IDRAC)
  const etag = system.headers.get('etag') ?? ''
  const headers = { 'if-match': etag }
  const atSystem = await open.send('PATCH', IDRAC, { body: { Boot: once }, headers })
  expect(messageId(atSystem)).toBe('Base.1.12.PropertyNotWritable')
  const settings = `${IDRAC}/Settings`
  expect((await open.send('PATCH', settings, { body: { Boot: once } })).status).toBe(428)
  const match = (await open.send('GET', settings)).headers.get('etag') ?? ''
  const taken = await open.send('PATCH', settings, {
    body: { Boot: once },
    headers: { 'if-match': match },
  })
  expect(taken.status).toBe(200)
  expect((await open.send('GET', IDRAC)).body.Boot).toMatchObject(once)
  const reset = (ResetType: string) =>
    open.send('POST', `${IDRAC}/Actions/ComputerSystem.Reset`, { body: { ResetType } })
  await reset('ForceOff')
  await open.machine.waitFor(({ power }) => power === 'Off')
  expect((await reset('On')).status).toBe(409)
  expect((await reset('On')).status).toBe(204)
})

test('a Supermicro X11 mounts what is configured, and shows its CD only while it is in', async () => {
  await using images = await serveImages()
  await using open = await openMachine({ personality: 'supermicro-x11' })
  const members = async () => (await open.send('GET', VM1)).body.Members
  expect(await members()).toEqual([])
  expect((await open.send('GET', `${VM1}/CD1`)).status).toBe(404)
  const mount = `${VM1}/CfgCD/Actions/IsoConfig.Mount`
  expect((await open.send('POST', mount, { body: {} })).status).toBe(400)
  const { origin, pathname } = new URL(images.urls.boot)
  await open.send('PATCH', `${VM1}/CfgCD`, { body: { Host: origin, Path: pathname } })
  expect((await open.send('POST', mount, { body: {} })).status).toBe(200)
  expect(await members()).toEqual([{ '@odata.id': `${VM1}/CD1` }])
  expect((await open.send('GET', `${VM1}/CD1`)).body.Image).toBe(images.urls.boot)
})

test('a Supermicro X12 refuses whatever stands beside the image', async () => {
  await using images = await serveImages()
  await using open = await openMachine({ personality: 'supermicro-x12' })
  const path = `${VM1}/CD1/Actions/VirtualMedia.InsertMedia`
  const Image = images.urls.boot
  const refused = await open.send('POST', path, { body: { Image, Inserted: true } })
  expect(messageId(refused)).toBe('Base.1.10.ActionParameterUnknown')
  expect((await open.send('POST', path, { body: { Image } })).status).toBe(200)
})

describe('iRMC', () => {
  const media = `${IRMC}/Oem/ts_fujitsu/VirtualMedia`
  const action = `${IRMC}/Actions/Oem/FTSComputerSystem.VirtualMedia`

  test('connects only what is configured, allowed, and has a drive', async () => {
    await using images = await serveImages()
    await using open = await openMachine({ personality: 'fujitsu-irmc-s5' })
    const connect = () =>
      open.send('POST', action, { body: { FTSVirtualMediaAction: 'ConnectCD' } })
    const patch = async (body: unknown) => {
      const etag = (await open.send('GET', media)).headers.get('etag') ?? ''
      return open.send('PATCH', media, { body, headers: { 'if-match': etag } })
    }
    expect((await open.send('PATCH', media, { body: {} })).status).toBe(428)
    const { host } = new URL(images.urls.boot)
    const CDImage = { ServerName: host, ImageName: 'boot.iso', ShareType: 'HTTP' }
    await patch({ CDImage, RemoteMountEnabled: true })
    expect((await connect()).status).toBe(409)
    await patch({ CDImage: { MaximumNumberOfDevices: 1 } })
    expect((await connect()).status).toBe(204)
    const oem = (await open.send('GET', IRMC)).body.Actions.Oem
    expect(oem['#FTSComputerSystem.VirtualMedia']).toMatchObject({
      'FTSVirtualMediaAction@Redfish.AllowableValues': ['DisconnectCD', 'ConnectHD'],
    })
  })
})

describe('iBMC', () => {
  const control = `${IBMC_CD}/Oem/Huawei/Actions/VirtualMedia.VmmControl`

  test('wants a domain with the login', async () => {
    await using open = await openMachine({ personality: 'huawei-2288h-v5' })
    const { username: UserName, password: Password } = open.machine
    const login = (more: object) =>
      open.send('POST', '/redfish/v1/SessionService/Sessions', {
        body: { UserName, Password, ...more },
      })
    expect(messageId(await login({}))).toBe('Base.1.0.PropertyMissing')
    expect((await login({ Oem: { Huawei: { Domain: 'x' } } })).status).toBe(201)
  })

  test('refuses plain http, and an image where one is', async () => {
    await using images = await serveImages(true)
    await using open = await openMachine({ personality: 'huawei-2288h-v5' })
    const connect = (Image: string) =>
      open.send('POST', control, { body: { VmmControlType: 'Connect', Image } })
    const plain = await connect('http://127.0.0.1:9/x.iso')
    expect(messageId(plain)).toBe('iBMC.1.0.FileTransferProtocolMismatch')
    expect((await connect(images.urls.boot)).status).toBe(202)
    await open.machine.waitFor(({ drives }) => drives.some(({ occupied }) => occupied))
    const second = await connect(images.urls.boot)
    expect(messageId(second)).toBe('iBMC.1.0.ConnectionOccupied')
  })
})

test('xFusion’s failed task carries one message that is no list', async () => {
  await using open = await openMachine({ personality: 'xfusion-2288h-v7' })
  const Image = 'https://127.0.0.1:9/boot.iso'
  const answer = await open.send('POST', `${IBMC_CD}/Actions/VirtualMedia.InsertMedia`, {
    body: { Image, TransferProtocolType: 'HTTPS' },
  })
  expect(answer.status).toBe(202)
  await open.machine.waitFor(({ tasks }) => tasks.some(({ state }) => state === 'Exception'))
  const task = await open.send('GET', '/redfish/v1/TaskService/Tasks/1')
  expect(task.body.Messages).toMatchObject({ MessageId: expect.stringContaining('Base.1.0.') })
})

test('a Cray node has neither media nor an override', async () => {
  await using open = await openMachine({ personality: 'hpe-cray-ex425' })
  const { body } = await open.send('GET', '/redfish/v1/Systems/Node0')
  expect(body.Boot).toEqual({ BootOptions: expect.anything(), BootOrder: expect.anything() })
  expect(body.VirtualMedia).toBeUndefined()
  expect(open.machine.state().drives).toEqual([])
})
