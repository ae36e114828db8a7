// SPDX-License-Identifier: AGPL-3.0-or-later
import { afterEach, beforeEach, expect, test } from 'bun:test'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { DAY, HOUR } from '../../../core/units.ts'
import { digestOf } from '../store/digest.ts'
import { OCI_INDEX } from '../store/media-types.ts'
import { leases } from '../tables.ts'
import { type CareBed, careBed } from './care-bed.ts'

let care: CareBed
beforeEach(async () => {
  care = await careBed()
})
afterEach(() => care[Symbol.asyncDispose]())

const statusOf = async (path: string, method = 'GET') => (await care.bed.send(method, path)).status
const pathOf = (digest: Parameters<ReturnType<CareBed['bed']['store']>['paths']['blob']>[0]) =>
  care.bed.store().paths.blob(digest)

test('what a deleted tag held goes after the grace, and what others need stays', async () => {
  const kept = await care.bed.image('t/os', '1', 'one layer')
  const gone = await care.bed.image('t/os', '2', 'another layer')
  expect(await statusOf('/v2/t/os/manifests/2', 'DELETE')).toBe(202)
  expect(await care.gc()).toMatchObject({ manifests: 0, links: 0, blobs: 0 })
  care.clock.advance(2 * DAY)
  const dry = await care.gc({ dry_run: true })
  expect(await statusOf(`/v2/t/os/blobs/${gone.layer}`)).toBe(200)
  const report = await care.gc()
  const size = Buffer.byteLength(gone.text) + 'another layer'.length
  for (const each of [dry, report]) {
    expect(each).toMatchObject({ manifests: 1, links: 1, blobs: 2, reclaimable_bytes: size })
  }
  expect(await statusOf(`/v2/t/os/blobs/${gone.layer}`)).toBe(404)
  expect(existsSync(pathOf(gone.layer))).toBe(false)
  expect(await statusOf('/v2/t/os/manifests/1')).toBe(200)
  expect(await statusOf(`/v2/t/os/blobs/${kept.layer}`)).toBe(200)
  // The config is the same object in both.
  expect(await statusOf(`/v2/t/os/blobs/${kept.config}`)).toBe(200)
  expect(await care.gc({ dry_run: true })).toMatchObject({ reclaimable_bytes: 0, items: [] })
})

test('an object of fifty repositories takes room once, and stays for the last of them', async () => {
  const { layer } = await care.bed.image('t/r0', '1', 'shared layer')
  for (let at = 1; at < 50; at++) {
    const mounted = await care.bed.send(
      'POST',
      `/v2/t/r${at}/blobs/uploads/?mount=${layer}&from=t/r0`,
    )
    expect(mounted.status).toBe(201)
    await care.bed.image(`t/r${at}`, '1', 'shared layer')
  }
  expect(statSync(pathOf(layer)).nlink).toBe(51)
  for (let at = 0; at < 49; at++) {
    expect(await statusOf(`/v2/t/r${at}/manifests/1`, 'DELETE')).toBe(202)
  }
  care.clock.advance(2 * DAY)
  const report = await care.gc()
  expect(report).toMatchObject({ manifests: 49, blobs: 0, reclaimable_bytes: 0, repositories: 49 })
  expect(statSync(pathOf(layer)).nlink).toBe(2)
  expect(await statusOf(`/v2/t/r49/blobs/${layer}`)).toBe(200)
  expect(await statusOf(`/v2/t/r0/blobs/${layer}`)).toBe(404)
})

test('an empty repository goes with its folder, and comes back with the next push', async () => {
  await care.bed.image('t/os', '1')
  await care.bed.image('t/os/deeper', '1')
  await statusOf('/v2/t/os/manifests/1', 'DELETE')
  care.clock.advance(2 * DAY)
  expect((await care.gc()).repositories).toBe(1)
  const { paths } = care.bed.store()
  expect(existsSync(join(paths.repository('t/os'), 'index.json'))).toBe(false)
  expect(await statusOf('/v2/t/os/deeper/manifests/1')).toBe(200)
  expect(await statusOf('/v2/t/os/tags/list')).toBe(404)
  await care.bed.image('t/os', '2')
  expect(await statusOf('/v2/t/os/manifests/2')).toBe(200)
})

test('a lease of a running job holds an image whose tag is gone', async () => {
  const { digest, layer } = await care.bed.image('t/os', '1')
  await statusOf('/v2/t/os/manifests/1', 'DELETE')
  care.clock.advance(2 * DAY)
  const lease = { id: 'a', repository: 't/os', digest, holder: 'job:1' }
  await care.bed.db.read.insert(leases).values({ ...lease, until: care.clock.now() + HOUR })
  expect(await care.gc()).toMatchObject({ manifests: 0, links: 0 })
  expect(await statusOf(`/v2/t/os/blobs/${layer}`)).toBe(200)
  care.clock.advance(2 * HOUR)
  expect(await care.gc()).toMatchObject({ manifests: 1 })
  expect(await care.bed.db.read.$count(leases)).toBe(0)
})

test('a grace of nothing, and the collector told to keep what has no tag', async () => {
  const { digest } = await care.bed.image('t/os', '1', 'a layer')
  await statusOf('/v2/t/os/manifests/1', 'DELETE')
  care.clock.advance(1)
  expect(await care.gc({ grace_seconds: 0, untagged: 'keep' })).toMatchObject({ manifests: 0 })
  expect(await statusOf(`/v2/t/os/manifests/${digest}`)).toBe(200)
  expect(await care.gc({ grace_seconds: 0 })).toMatchObject({ manifests: 1, blobs: 3 })
})

test('uploads that nobody goes on with are removed, and told in a dry run', async () => {
  const begun = await care.bed.send('POST', '/v2/t/os/blobs/uploads/')
  const location = begun.headers.get('location') ?? ''
  expect((await care.bed.send('PATCH', location, { body: 'a few bytes' })).status).toBe(202)
  care.clock.advance(2 * DAY)
  expect(await care.gc({ dry_run: true })).toMatchObject({ uploads: 1, reclaimable_bytes: 11 })
  expect(readdirSync(care.bed.store().paths.uploads)).toHaveLength(1)
  expect(await care.gc()).toMatchObject({ uploads: 1, reclaimable_bytes: 11 })
  expect(await statusOf(location)).toBe(404)
  expect(readdirSync(care.bed.store().paths.uploads)).toEqual([])
})

test('files that a crash left without rows are found by the first collection after it', async () => {
  const { layer } = await care.bed.image('t/os', '1')
  const { paths } = care.bed.store()
  const lost = digestOf(Buffer.from('lost'))
  const link = paths.repositoryBlob('t/os', digestOf(Buffer.from('lost link')))
  const half = `${paths.repositoryBlob('t/os', layer)}.${crypto.randomUUID()}`
  for (const path of [paths.blob(lost), link, half]) {
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, 'lost')
  }
  await care.restart()
  care.clock.advance(2 * DAY)
  const { blobs, links } = await care.gc()
  expect({ blobs, links }).toEqual({ blobs: 1, links: 2 })
  for (const path of [paths.blob(lost), link, half]) expect(existsSync(path)).toBe(false)
  expect(await statusOf(`/v2/t/os/blobs/${layer}`)).toBe(200)
})

test('a layout that nobody rescanned yet is left alone', async () => {
  await care.bed.image('t/os', '1')
  const { paths } = care.bed.store()
  const foreign = paths.repositoryBlob('foreign', digestOf(Buffer.from('x')))
  await mkdir(dirname(foreign), { recursive: true })
  await writeFile(foreign, 'x')
  care.clock.advance(2 * DAY)
  await care.gc()
  expect(existsSync(foreign)).toBe(true)
})

test('held up by hand it waits between two repositories, and goes on when it is let', async () => {
  await care.bed.image('t/a', '1')
  await care.care().gc.byHand.set(true)
  const { id } = care.care().startGc({}, 'ada')
  const paused = Promise.withResolvers<void>()
  const leave = care.care().tasks.watch(id, ({ state }) => state === 'paused' && paused.resolve())
  await paused.promise
  leave()
  await care.restart()
  expect(care.care().gc.byHand.get()).toBe(true)
  await care.care().gc.byHand.set(false)
  expect((await care.gc()).dry_run).toBe(false)
})

test('a second collection at the same time is refused, and a canceled one says so', async () => {
  await care.bed.image('t/a', '1')
  await care.care().gc.byHand.set(true)
  const { id } = care.care().startGc({}, 'ada')
  expect(() => care.care().startGc({}, 'bob')).toThrow('gc is running already')
  expect(care.care().tasks.cancel(id)).toBe(true)
  expect((await care.care().tasks.done(id)).state).toBe('canceled')
  expect(care.care().tasks.cancel(id)).toBe(false)
})

test('index and referrers of an image go together when its tag is deleted', async () => {
  const { digest, text } = await care.bed.image('t/os', 'child')
  await statusOf('/v2/t/os/manifests/child', 'DELETE')
  const index = JSON.stringify({
    ...{ schemaVersion: 2, mediaType: OCI_INDEX },
    manifests: [
      { mediaType: 'application/vnd.oci.image.manifest.v1+json', digest, size: text.length },
    ],
  })
  await care.bed.putManifest('t/os', 'multi', index, OCI_INDEX)
  const subject = { mediaType: OCI_INDEX, digest: digestOf(Buffer.from(index)), size: index.length }
  const referrer = JSON.stringify({
    schemaVersion: 2,
    mediaType: OCI_INDEX,
    manifests: [],
    subject,
  })
  const at = digestOf(Buffer.from(referrer))
  expect((await care.bed.putManifest('t/os', at, referrer, OCI_INDEX)).status).toBe(201)
  care.clock.advance(2 * DAY)
  expect(await care.gc()).toMatchObject({ manifests: 0 })
  await statusOf('/v2/t/os/manifests/multi', 'DELETE')
  care.clock.advance(2 * DAY)
  expect(await care.gc()).toMatchObject({ manifests: 3, repositories: 1 })
})

test('what a pushing client was told to be here stays until its manifest can have come', async () => {
  await care.bed.pushBlob('t/os', 'an old layer')
  const layer = digestOf(Buffer.from('an old layer'))
  care.clock.advance(2 * DAY)
  expect(await statusOf(`/v2/t/os/blobs/${layer}`, 'HEAD')).toBe(200)
  expect(await care.gc()).toMatchObject({ links: 0, blobs: 0 })
  expect((await care.bed.image('t/os', '1', 'an old layer')).layer).toBe(layer)
  await statusOf('/v2/t/os/manifests/1', 'DELETE')
  care.clock.advance(2 * DAY)
  expect(await care.gc()).toMatchObject({ manifests: 1, blobs: 3 })
})
