// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { readdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readImage } from '../core/media.ts'
import { documentsOf } from '../core/store/jobs.ts'
import { MINUTE } from '../core/units.ts'
import { bytesSource, openIso, writeIso } from '../plugins/iso/index.ts'
import { DROPPED, type Interception, type RunningMachine } from '../plugins/simulator/index.ts'
import { type Answer, linuxRecipe, type RunningAppliance, startAppliance } from './harness.ts'
import { claimed, complete, post, ready } from './stage.ts'

/** Changes what a controller answers to a GET of matching paths. */
const reshaped =
  (paths: RegExp, change: (body: Answer['body']) => object): Interception =>
  async (asked, next) => {
    const outcome = await next()
    if (outcome === DROPPED || outcome.status !== 200) return outcome
    if (asked.method !== 'GET' || !paths.test(asked.path)) return outcome
    return { ...outcome, body: change(outcome.body) }
  }

/** The controller says that its drives fetch these and nothing else. */
const fetchesOnly = (...protocols: string[]) =>
  reshaped(/\/VirtualMedia\/[^/]+\/?$/, (body) => {
    const allowed = { 'TransferProtocolType@Redfish.AllowableValues': protocols }
    const insert = { ...body.Actions['#VirtualMedia.InsertMedia'], ...allowed }
    return { ...body, Actions: { ...body.Actions, '#VirtualMedia.InsertMedia': insert } }
  })

/** Only the drive for CDs is left. */
const oneDrive = reshaped(/\/VirtualMedia\/?$/, (body) => ({ ...body, Members: [body.Members[1]] }))

/** A whole job with other tests beside it on a small machine, in ms. */
const PATIENCE = 30_000

const wants = (running: RunningAppliance, machine: RunningMachine) =>
  running.send('PATCH', `/api/v1/machines/${machine.serial}`, { media_plan: 'one' })

const inserted = (machine: RunningMachine) =>
  machine.requests.filter(({ path }) => /InsertMedia\/?$/.test(path)).map(({ body }) => body)

const imagesOf = async (running: RunningAppliance, id: string) =>
  (await readdir(running.dataDir, { recursive: true })).filter((name) => name.includes(`${id}.iso`))

test(
  'a machine that asks for it runs a whole job from one image',
  async () => {
    await using stage = await ready()
    const { running, machine } = stage
    await wants(running, machine)
    const id = await post(running, machine.serial)
    await running.until(id, claimed)
    expect(await imagesOf(running, id)).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/\.iso$/),
        expect.stringMatching(/\.iso\.patch$/),
      ]),
    )
    const job = await running.until(id, complete)
    expect(job).toMatchObject({ result: 'succeeded', cleanup: 'done', media_plan: 'one' })
    expect(job.media_plan_reason).toContain('the machine asks for one image')

    expect(inserted(machine)).toEqual([
      expect.objectContaining({ Image: expect.stringMatching(/\/boot\.iso$/) }),
    ])
    const regions = job.evidence.flatMap((each: { region?: string }) => each.region ?? [])
    for (const name of ['volume descriptor', 'boot catalog', 'EFI image', 'kernel', 'initrd'])
      expect(regions).toContain(name)
    for (const name of ['directories', 'job.json', 'recipe.json']) expect(regions).toContain(name)
    expect(job.evidence.every((each: { slot?: string }) => each.slot !== 'task')).toBe(true)
    expect(machine.state().drives.some((drive) => drive.occupied)).toBe(false)
    expect(machine.state().disk.writtenBy).toBe(id)
    expect(await imagesOf(running, id)).toEqual([])
  },
  PATIENCE,
)

test.each([
  { name: 'with one drive', protocols: undefined, scheme: 'http' },
  { name: 'with one drive that fetches http only', protocols: ['HTTP', 'CIFS'], scheme: 'http' },
  { name: 'with one drive that fetches https only', protocols: ['HTTPS', 'NFS'], scheme: 'https' },
])(
  'a controller $name gets one image over $scheme',
  async ({ protocols, scheme }) => {
    const manners = { imageUrl: new RegExp(`^${scheme}://`) }
    const personality = 'hpe-dl360'
    await using stage = await ready({ personality, manners }, ['server.bmc_https=127.0.0.1:0'])
    const { running, machine } = stage
    machine.faults.add(oneDrive)
    if (protocols) machine.faults.add(fetchesOnly(...protocols))
    const id = await post(running, machine.serial)
    const job = await running.until(id, complete)
    expect(job).toMatchObject({ result: 'succeeded', media_plan: 'one' })
    expect(job.media_plan_reason).toContain('only one drive takes images')
    expect(inserted(machine)).toEqual([
      expect.objectContaining({ Image: expect.stringMatching(new RegExp(`^${scheme}://`)) }),
    ])
  },
  PATIENCE,
)

test(
  'a controller that fetches neither http nor https is refused, untouched',
  async () => {
    await using stage = await ready()
    const { running, machine } = stage
    machine.faults.add(fetchesOnly('CIFS', 'NFS'))
    const why = expect.stringContaining('which fetches neither http nor https')
    const request = { server_serial: machine.serial, recipe: linuxRecipe }
    const dry = await running.send('POST', '/api/v1/jobs?dry_run=true', request)
    expect(dry.body).toMatchObject({ code: 'redfish.no-media', message: why })
    expect(dry.status).toBeGreaterThanOrEqual(400)

    const before = machine.state().power
    const id = await post(running, machine.serial)
    expect(await running.until(id, complete)).toMatchObject({
      result: 'failed',
      failed_step: 'media.plan',
      failed_code: 'redfish.no-media',
      failed_reason: why,
    })
    expect(machine.state().power).toBe(before)
  },
  PATIENCE,
)

test(
  'a maintenance ISO that has a /task of its own is refused before the machine is touched',
  async () => {
    await using stage = await ready()
    const { running, machine } = stage
    const path = join(tmpdir(), `slipway-plan-one-${Bun.randomUUIDv7()}.iso`)
    const bytes = new Uint8Array(2_048)
    try {
      const tree = new Map([...['/boot.img', '/task/x'].map((each) => [each, bytes] as const)])
      await writeIso(path, { volumeId: 'OWN_TASK', tree, boot: { bios: { path: '/boot.img' } } })
      const body = await Bun.file(path).arrayBuffer()
      const headers = { Authorization: `Bearer ${running.adminToken}` }
      const put = { method: 'PUT', headers, body }
      expect((await running.appliance.apps.api.request('/api/v1/maintenance', put)).status).toBe(
        200,
      )
    } finally {
      await Bun.file(path).delete()
    }
    await wants(running, machine)
    const before = machine.state().power
    const id = await post(running, machine.serial)
    expect(await running.until(id, complete)).toMatchObject({
      result: 'failed',
      failed_step: 'iso.compose',
      failed_code: 'iso.compose',
      failed_reason: expect.stringMatching(/has \/task in its root already; use another/),
      cleanup: 'done',
    })
    expect(machine.state().power).toBe(before)
    expect(await imagesOf(running, id)).toEqual([])
  },
  PATIENCE,
)

/** The image as a BMC gets it now, whole and by a range across its seams. */
async function fetched(running: RunningAppliance, id: string) {
  const job = await running.appliance.jobs.get(id)
  const [published] = job?.media ?? []
  if (!published) throw new Error('the job has no image')
  const field = running.listeners.open.find(({ url }) => url.startsWith('http:'))
  const url = new URL(new URL(published.imageUrl).pathname, field?.url)
  const whole = await fetch(url)
  const bytes = await whole.bytes()
  const range = await fetch(url, { headers: { Range: 'bytes=400-70000' } })
  expect(await range.bytes()).toEqual(bytes.subarray(400, 70_001))
  expect(bytes.length).toBe(published.sizeBytes)
  const digest = new Bun.CryptoHasher('sha256').update(bytes).digest('hex')
  return { etag: whole.headers.get('etag'), digest, bytes }
}

test(
  'after a restart in the middle the same bytes and etag are served',
  async () => {
    await using stage = await ready({ script: 'silent' })
    const { running, machine } = stage
    await wants(running, machine)
    const id = await post(running, machine.serial)
    await running.until(id, claimed)
    const before = await fetched(running, id)
    expect(before.etag).toMatch(/^"one-[0-9a-f]{64}"$/)
    await running.stop()

    const { dataDir, clock } = running
    await using again = await startAppliance({ dataDir, clock })
    expect(await fetched(again, id)).toEqual(before)
    const image = await openIso(bytesSource(before.bytes))
    expect(
      JSON.parse(new TextDecoder().decode(await image.readFile('/task/job.json'))),
    ).toMatchObject({
      job_id: id,
    })
  },
  PATIENCE,
)

test(
  'a second launch makes the same image again',
  async () => {
    await using stage = await ready({ script: 'not-booting' })
    const { running, machine } = stage
    await wants(running, machine)
    const id = await post(running, machine.serial)
    const made = async () => {
      const { db } = running.appliance
      const image = (await documentsOf(db.read, id)).images[0]?.image
      if (!image) throw new Error('the job has no image')
      const hash = new Bun.CryptoHasher('sha256')
      for await (const piece of readImage(image)) hash.update(piece)
      return { image, digest: hash.digest('hex') }
    }
    await running.until(id, (job) => job.powered_on_at !== undefined)
    const first = await made()
    await running.until(id, (job) => job.launches === 2 && job.status === 'provisioning', MINUTE)
    await running.until(id, () => true)
    expect(await made()).toEqual(first)
  },
  PATIENCE,
)
