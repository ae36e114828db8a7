// SPDX-License-Identifier: AGPL-3.0-or-later
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { selfSigned } from '../../core/certificates/self-signed.ts'
import { type ImageServer, serveImages } from '../../test/fake-bmc/image-server.ts'
import { launchPlans } from '../../test/fake-bmc/launch.ts'
import {
  messageId,
  type OpenMachine,
  openMachine,
  type RawReply,
} from '../../test/fake-bmc/raw-client.ts'

let folder: string
let images: ImageServer
let image: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'slipway-media-'))
  for (const name of ['a.iso', 'b.iso', 'c.img', 'plain.bin']) {
    await Bun.write(join(folder, name), new Uint8Array(8_192))
  }
  images = serveImages(folder)
  image = images.url('a.iso')
})
afterAll(async () => {
  images[Symbol.dispose]()
  await rm(folder, { recursive: true })
})

const insert = ({ send }: OpenMachine, drive: string, body: unknown) =>
  send('POST', `${drive}/Actions/VirtualMedia.InsertMedia`, { body })
const eject = ({ send }: OpenMachine, drive: string, body?: unknown) =>
  send('POST', `${drive}/Actions/VirtualMedia.EjectMedia`, { body })
const look = async ({ send }: OpenMachine, drive: string) => (await send('GET', `${drive}/`)).body

/** Inserts and waits until the image is in: some controllers answer before it is. */
async function fill(open: OpenMachine, drive: string, Image = image): Promise<RawReply> {
  const reply = await insert(open, drive, { Image })
  await open.machine.waitFor(({ drives }) => drives.some((d) => d.uri === drive && d.image))
  return reply
}

/** An empty drive of each personality for CDs. */
const EMPTY = Object.entries(launchPlans).map(([name, { boot }]) => [name, boot] as const)

describe.each(EMPTY)('%s', (personality, drive) => {
  test('shows an inserted image, and an empty drive after the eject', async () => {
    await using open = await openMachine({ personality, manners: { staleReadsAfterEject: 0 } })
    const before = await look(open, drive)
    const asked = images.requests.length
    await fill(open, drive)
    expect(await look(open, drive)).toMatchObject({
      Inserted: true,
      Image: image,
      ImageName: 'a.iso',
      ConnectedVia: 'URI',
      TransferProtocolType: 'HTTP',
      WriteProtected: true,
    })
    expect(images.requests.slice(asked).map(({ method, range }) => [method, range])).toEqual([
      ['HEAD', null],
      ['GET', 'bytes=0-2047'],
    ])
    expect((await eject(open, drive, {})).status).toBeLessThan(300)
    const { Inserted, ConnectedVia, Actions } = await look(open, drive)
    expect({ Inserted, ConnectedVia, Actions }).toEqual({
      Inserted: false,
      ConnectedVia: 'NotConnected',
      Actions: before.Actions,
    })
  })

  test('refuses an image on an occupied drive and keeps the one that is in', async () => {
    await using open = await openMachine({ personality })
    await fill(open, drive)
    const refused = await insert(open, drive, { Image: images.url('b.iso') })
    expect(refused.status).toBeGreaterThanOrEqual(400)
    expect((await look(open, drive)).Image).toBe(image)
  })

  test.each([
    [{}, 'ActionParameterMissing'],
    [{ Image: 7 }, 'ActionParameterValueTypeError'],
    [{ Image: 'x', Inserted: 'yes' }, 'ActionParameterValueTypeError'],
    [{ Image: 'x', Wrench: 1 }, 'ActionParameterUnknown'],
    [{ Image: '//share/a.iso' }, 'ResourceAtUriInUnknownFormat'],
    ['{"Image"', 'MalformedJSON'],
  ])('refuses the insert of %j', async (body, id) => {
    await using open = await openMachine({ personality })
    const refused = await insert(open, drive, body)
    expect([refused.status, messageId(refused)]).toEqual([400, expect.stringContaining(id)])
  })
})

describe('a Dell', () => {
  const [first, second] = [1, 2].map(
    (id) => `/redfish/v1/Systems/System.Embedded.1/VirtualMedia/${id}`,
  )
  const [cd, usb] = ['CD', 'RemovableDisk'].map(
    (id) => `/redfish/v1/Managers/iDRAC.Embedded.1/VirtualMedia/${id}`,
  )

  test('answers 204, and takes two images at its System view', async () => {
    await using open = await openMachine({ personality: 'dell-r750' })
    expect((await fill(open, String(first))).status).toBe(204)
    expect((await fill(open, String(second))).status).toBe(204)
  })

  test('refuses a second device at its Manager view', async () => {
    await using open = await openMachine({ personality: 'dell-r750' })
    await fill(open, String(cd))
    const refused = await insert(open, String(usb), { Image: images.url('c.img') })
    expect([refused.status, messageId(refused)]).toEqual([400, 'Base.1.12.ResourceInUse'])
    await eject(open, String(cd), {})
    await fill(open, String(usb), images.url('c.img'))
  })

  test('still shows the image at the first read after an eject', async () => {
    await using open = await openMachine({ personality: 'dell-r750' })
    await fill(open, String(first))
    expect((await eject(open, String(first), {})).status).toBe(204)
    expect(await look(open, String(first))).toMatchObject({ Inserted: true, Image: image })
    expect(await look(open, String(first))).toMatchObject({ Inserted: false, Image: null })
  })

  test.each(['plain.bin', 'missing.iso'])('does not find the image %s', async (name) => {
    await using open = await openMachine({ personality: 'dell-r750' })
    const refused = await insert(open, String(first), { Image: images.url(name) })
    expect(refused.status).toBe(400)
    expect((await look(open, String(first))).Inserted).toBe(false)
  })
})

describe('a Supermicro', () => {
  const drive = '/redfish/v1/Managers/1/VirtualMedia/VirtualMedia1'
  const task = async ({ send }: OpenMachine) =>
    (await send('GET', '/redfish/v1/TaskService/Tasks/1')).body

  test('answers 202 with a task, whose monitor ends with the operation', async () => {
    const gate = Promise.withResolvers<void>()
    using slow = Bun.serve({
      hostname: '127.0.0.1',
      port: 0,
      async fetch() {
        await gate.promise
        return new Response(Bun.file(join(folder, 'a.iso')))
      },
    })
    await using open = await openMachine({ personality: 'supermicro-x13' })
    const Image = `http://127.0.0.1:${slow.port}/a.iso`
    const accepted = await insert(open, drive, { Image })
    const monitor = accepted.headers.get('location') ?? ''
    expect(accepted.status).toBe(202)
    expect(accepted.body).toMatchObject({ TaskState: 'Running', TaskMonitor: monitor })
    const running = await open.send('GET', monitor)
    expect([running.status, running.headers.get('retry-after')]).toEqual([202, '1'])
    // The drive is taken while the task runs.
    expect((await insert(open, drive, { Image })).status).toBe(409)
    gate.resolve()
    await open.machine.waitFor(({ tasks }) => tasks[0]?.state === 'Completed')
    expect((await open.send('GET', monitor)).status).toBe(204)
    expect(await task(open)).toMatchObject({ TaskState: 'Completed', PercentComplete: 100 })
    expect((await look(open, drive)).Inserted).toBe(true)
    const { body } = await open.send('GET', '/redfish/v1/TaskService/Tasks')
    expect(body).toMatchObject({ 'Members@odata.count': 1 })
  })

  test('tells a failed insert in the task and at its monitor', async () => {
    await using open = await openMachine({ personality: 'supermicro-x13' })
    const accepted = await insert(open, drive, { Image: images.url('missing.iso') })
    await open.machine.waitFor(({ tasks }) => tasks[0]?.state === 'Exception')
    expect(await task(open)).toMatchObject({
      TaskState: 'Exception',
      TaskStatus: 'Critical',
      Messages: [{ MessageId: 'Base.1.10.ResourceAtUriInUnknownFormat' }],
    })
    expect((await open.send('GET', accepted.headers.get('location') ?? '')).status).toBe(400)
    expect((await look(open, drive)).Inserted).toBe(false)
  })

  test('has no EjectMedia as long as a drive is empty', async () => {
    await using open = await openMachine({ personality: 'supermicro-x13' })
    expect((await eject(open, drive, {})).status).toBe(404)
    await fill(open, drive)
    const { Actions } = await look(open, drive)
    const { target } = Actions['#VirtualMedia.EjectMedia']
    expect((await open.send('POST', target, { body: {} })).status).toBe(204)
  })

  test('keeps the image name after an eject and says NotConnected', async () => {
    await using open = await openMachine({ personality: 'supermicro-x13' })
    await fill(open, drive)
    await eject(open, drive, {})
    expect(await look(open, drive)).toMatchObject({
      Inserted: false,
      ConnectedVia: 'NotConnected',
      Image: image,
      ImageName: 'a.iso',
    })
  })

  test('takes what its ActionInfo lists and nothing else', async () => {
    await using open = await openMachine({ personality: 'supermicro-x13' })
    const refused = await insert(open, drive, { Image: image, Oem: {} })
    expect(messageId(refused)).toBe('Base.1.10.ActionParameterUnknown')
    const all = { Image: image, Inserted: true, WriteProtected: true, TransferMethod: 'Stream' }
    expect((await insert(open, drive, all)).status).toBe(202)
  })
})

describe('https images', () => {
  const { key, cert } = selfSigned({ names: ['127.0.0.1'], days: 1 })

  test.each([
    // "self-signed HTTPS fails": suse-edge #220.
    ['supermicro-x13', false],
    ['dell-r750', true],
    ['hpe-dl360', true],
  ])('%s with a certificate of nobody known: taken %p', async (personality, taken) => {
    using server = Bun.serve({
      hostname: '127.0.0.1',
      port: 0,
      tls: { key, cert },
      fetch: () => new Response(Bun.file(join(folder, 'a.iso'))),
    })
    await using open = await openMachine({ personality })
    const drive = launchPlans[personality]?.boot ?? ''
    await insert(open, drive, { Image: `https://127.0.0.1:${server.port}/a.iso` })
    await open.machine.waitFor(({ tasks }) => tasks.every(({ state }) => state !== 'Running'))
    expect((await look(open, drive)).Inserted).toBe(taken)
  })
})

describe('an iLO', () => {
  const [usb, cd] = ['1', '2'].map((id) => `/redfish/v1/Managers/1/VirtualMedia/${id}`)

  test('answers 200 with a Success message', async () => {
    await using open = await openMachine({ personality: 'hpe-dl360' })
    const done = await fill(open, String(cd))
    expect([done.status, messageId(done)]).toEqual([200, 'Base.1.12.Success'])
  })

  test('ejects only with a JSON object as the body', async () => {
    await using open = await openMachine({ personality: 'hpe-dl360' })
    await fill(open, String(cd))
    expect((await eject(open, String(cd))).status).toBe(400)
    expect((await look(open, String(cd))).Inserted).toBe(true)
    expect((await eject(open, String(cd), {})).status).toBe(200)
    expect(await look(open, String(cd))).toMatchObject({ Inserted: false, Image: '' })
  })

  test('has the image in its first drive that it was captured with, until that is ejected', async () => {
    await using open = await openMachine({ personality: 'hpe-dl360' })
    const refused = await insert(open, String(usb), { Image: images.url('c.img') })
    expect([refused.status, messageId(refused)]).toEqual([
      400,
      'iLO.2.15.MaxVirtualMediaConnectionEstablished',
    ])
    await eject(open, String(usb), {})
    expect(await look(open, String(usb))).toMatchObject({ Inserted: false, Image: '' })
    await fill(open, String(usb), images.url('c.img'))
  })
})
