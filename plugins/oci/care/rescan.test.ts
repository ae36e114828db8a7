// SPDX-License-Identifier: AGPL-3.0-or-later
import { afterEach, beforeEach, expect, test } from 'bun:test'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { appendFile, cp, mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { asc } from 'drizzle-orm'
import { HOUR } from '../../../core/units.ts'
import { digestOf } from '../store/digest.ts'
import { OCI_INDEX, OCI_MANIFEST } from '../store/media-types.ts'
import {
  blobs,
  manifestReferences,
  manifests,
  repositories,
  repositoryBlobs,
  tagHistory,
  tags,
  unverified,
} from '../tables.ts'
import { type CareBed, careBed } from './care-bed.ts'

let care: CareBed
let outside: string
beforeEach(async () => {
  care = await careBed()
  outside = await mkdtemp(join(tmpdir(), 'slipway-layout-'))
})
afterEach(async () => {
  await care[Symbol.asyncDispose]()
  await rm(outside, { recursive: true, force: true })
})

const paths = () => care.bed.store().paths
const get = (path: string) => care.bed.send('GET', path)

/** Tags, an index over two images, a referrer, an untagged image, a blob of no image, another repository. */
async function fill(): Promise<void> {
  const a = await care.bed.image('t/os', '1', 'layer a')
  care.clock.advance(HOUR)
  const b = await care.bed.image('t/os', '2', 'layer b')
  care.clock.advance(HOUR)
  const child = (digest: string, size: number) => ({ mediaType: OCI_MANIFEST, digest, size })
  const index = JSON.stringify({
    ...{ schemaVersion: 2, mediaType: OCI_INDEX },
    manifests: [child(a.digest, a.text.length), child(b.digest, b.text.length)],
    annotations: { note: 'kept' },
  })
  await care.bed.putManifest('t/os', 'multi', index, OCI_INDEX)
  await care.bed.putManifest('t/os', 'again', index, OCI_INDEX)
  const referrer = JSON.stringify({
    ...{ schemaVersion: 2, mediaType: OCI_INDEX, artifactType: 'text/sbom', manifests: [] },
    subject: child(a.digest, a.text.length),
  })
  await care.bed.putManifest('t/os', digestOf(Buffer.from(referrer)), referrer, OCI_INDEX)
  await care.bed.send('DELETE', '/v2/t/os/manifests/2')
  await care.bed.pushBlob('t/os', 'a blob of no image')
  care.clock.advance(HOUR)
  await care.bed.image('other', 'latest', 'layer a')
  await care.bed.store().layouts.settle()
}

/** Everything that a client or person can see, times included. */
async function visible() {
  const { read } = care.bed.db
  return {
    repositories: await read.select().from(repositories).orderBy(asc(repositories.name)),
    tags: await read.select().from(tags).orderBy(asc(tags.repository), asc(tags.name)),
    manifests: await read
      .select()
      .from(manifests)
      .orderBy(asc(manifests.repository), asc(manifests.digest)),
    references: await read
      .select()
      .from(manifestReferences)
      .orderBy(
        asc(manifestReferences.repository),
        asc(manifestReferences.manifest),
        asc(manifestReferences.child),
      ),
    links: await read
      .select({ repository: repositoryBlobs.repository, digest: repositoryBlobs.digest })
      .from(repositoryBlobs)
      .orderBy(asc(repositoryBlobs.repository), asc(repositoryBlobs.digest)),
    blobs: await read
      .select({ digest: blobs.digest, sizeBytes: blobs.sizeBytes, state: blobs.state })
      .from(blobs)
      .orderBy(asc(blobs.digest)),
  }
}

async function loseTheDatabase(): Promise<void> {
  const tables = [repositories, tags, tagHistory, manifests, manifestReferences, repositoryBlobs]
  for (const table of [...tables, blobs]) await care.bed.db.read.delete(table)
}

test('a lost database is filled again at the start: the same tags, referrers and times', async () => {
  await fill()
  const before = await visible()
  expect(before.manifests).toHaveLength(5)
  await loseTheDatabase()
  await care.restart()
  expect(await visible()).toEqual(before)
  for (const { repository, digest } of before.links) {
    expect((await get(`/v2/${repository}/blobs/${digest}`)).status).toBe(200)
  }
  expect(await care.fsck()).toMatchObject({ bad: 0, findings: [] })
  // A second rebuild of the same changes nothing.
  const again = await care.rebuild()
  expect(again).toMatchObject({ to_verify: 0, adopted_bytes: 0, refused: [] })
  expect(await visible()).toEqual(before)
})

test('a rebuild holds the disk for right: an old copy of the database loses its old tags', async () => {
  await fill()
  const before = await visible()
  await care.bed.db.read.insert(tags).values({
    ...{
      repository: 'other',
      name: 'old',
      digest: before.tags[0]?.digest ?? '',
      setAt: 1,
      setBy: 'x',
    },
  })
  await care.bed.db.read.delete(manifests)
  await care.rebuild()
  expect(await visible()).toEqual(before)
  expect((await get('/v2/other/manifests/old')).status).toBe(404)
})

test('a database that knows less than the disk, and a disk with damage, is told and not guessed', async () => {
  await fill()
  const index = join(paths().repository('other'), 'index.json')
  await writeFile(index, 'no json')
  const report = await care.rebuild()
  expect(report.repositories).toBe(1)
  expect(report.refused.map(({ path }) => path)).toEqual(['other'])
  expect((await get('/v2/other/manifests/latest')).status).toBe(200)
})

/** The layout of a repository of ours, copied out with other inodes. */
async function foreignLayout(): Promise<string> {
  await care.bed.image('source', 'v1', 'a foreign layer')
  await care.bed.store().layouts.settle()
  await care.bed.store().fresh.settle()
  const folder = join(outside, 'layout')
  await cp(paths().repository('source'), folder, { recursive: true })
  return folder
}

async function removeSource(): Promise<void> {
  await care.bed.send('DELETE', '/v2/source/manifests/v1')
  care.clock.advance(48 * HOUR)
  await care.gc()
}

test('a foreign layout is served after a rescan, and verified in the background', async () => {
  const folder = await foreignLayout()
  await removeSource()
  const layer = digestOf(Buffer.from('a foreign layer'))
  expect(existsSync(paths().blob(layer))).toBe(false)
  await cp(folder, paths().repository('new/os'), { recursive: true })
  const report = await care.rescan()
  expect(report).toMatchObject({ repositories: 1, tags: 1, manifests: 1, blobs: 3, to_verify: 3 })
  const manifest = await get('/v2/new/os/manifests/v1')
  expect(manifest.status).toBe(200)
  expect(await (await get(`/v2/new/os/blobs/${layer}`)).text()).toBe('a foreign layer')
  expect(statSync(paths().blob(layer)).ino).toBe(
    statSync(paths().repositoryBlob('new/os', layer)).ino,
  )
  const scrub = care.care().tasks.running('scrub')
  if (scrub) await care.care().tasks.done(scrub.id)
  expect(await care.bed.db.read.$count(unverified)).toBe(0)
  const again = await care.rescan()
  expect(again).toMatchObject({ unchanged: 3, to_verify: 0, adopted_bytes: 0 })
  expect(await care.fsck()).toMatchObject({ bad: 0 })
})

test('a foreign blob that is not what its name says is found by the background check', async () => {
  const folder = await foreignLayout()
  await removeSource()
  const layer = digestOf(Buffer.from('a foreign layer'))
  await writeFile(join(folder, 'blobs', layer.replace(':', '/')), 'a FOREIGN layer')
  await cp(folder, paths().repository('new'), { recursive: true })
  await care.rescan('new')
  const scrub = care.care().tasks.running('scrub')
  if (scrub) await care.care().tasks.done(scrub.id)
  expect((await get(`/v2/new/blobs/${layer}`)).status).toBe(404)
  expect(await care.care().findings.openCount()).toBe(1)
})

test('objects of a foreign layout that are here already take no room twice', async () => {
  const folder = await foreignLayout()
  await cp(folder, paths().repository('new'), { recursive: true })
  expect(await care.rescan('new')).toMatchObject({ blobs: 3, to_verify: 0, adopted_bytes: 0 })
  const layer = digestOf(Buffer.from('a foreign layer'))
  expect(statSync(paths().blob(layer)).nlink).toBe(3)
})

test('nothing outside the grammar of names is taken, and no symbolic link is followed', async () => {
  const folder = await foreignLayout()
  await removeSource()
  const repos = join(paths().root, 'repos')
  await cp(folder, join(repos, 'Upper/Case'), { recursive: true })
  await symlink(folder, join(repos, 'linked'))
  const good = join(repos, 'good')
  await cp(folder, good, { recursive: true })
  await symlink('/etc/passwd', join(good, 'blobs/sha256', 'b'.repeat(64)))
  await writeFile(join(good, 'blobs/sha256/readme'), 'x')
  await mkdir(join(repos, 'half'), { recursive: true })
  await symlink(join(folder, 'blobs'), join(repos, 'half', 'blobs'))
  await cp(join(folder, 'index.json'), join(repos, 'half', 'index.json'))
  const report = await care.rescan()
  expect(report.refused.map(({ why }) => why).toSorted()).toEqual([
    'it is no folder',
    'it is no regular file',
    'its name is no digest',
    'its path is no name of a repository',
    'symbolic links are not followed',
    'the layout does not hold this manifest',
  ])
  const { body } = await get('/v2/_catalog')
  expect(await new Response(body).json()).toEqual({ repositories: ['good', 'half'] })
})

test('a manifest with other bytes, and a tag that can not be one, are refused with their reasons', async () => {
  const folder = await foreignLayout()
  await removeSource()
  const path = join(folder, 'index.json')
  const index = JSON.parse(readFileSync(path, 'utf8'))
  const [entry] = index.manifests
  const named = (name: string) => ({
    ...entry,
    annotations: { 'org.opencontainers.image.ref.name': name },
  })
  index.manifests = [
    ...[named('registry.test/t/os:v2'), named('-no'), { ...entry, digest: 'sha256:short' }],
  ]
  await writeFile(path, JSON.stringify(index))
  await cp(folder, paths().repository('new'), { recursive: true })
  const report = await care.rescan()
  expect(report).toMatchObject({ tags: 1, manifests: 1 })
  expect(report.refused.map(({ why }) => why)).toEqual(['it is no digest', 'it can not be a tag'])
  expect((await get('/v2/new/manifests/v2')).status).toBe(200)
  await appendFile(join(folder, 'blobs', entry.digest.replace(':', '/')), ' ')
  await cp(folder, paths().repository('worse'), { recursive: true })
  // The object of that name is here; the layout's own bytes are not it.
  const { refused } = await care.rescan('worse')
  expect(refused.map(({ why }) => why)).toContain('its bytes have another digest')
})

test('a rescan of what is not there says what to do', async () => {
  const { id } = care.care().startRescan('nowhere', 'ada')
  expect(await care.care().tasks.done(id)).toMatchObject({
    state: 'failed',
    error: 'there is no image layout at repos/nowhere: put one there, then rescan',
  })
})

test('a layout is written anew at the start when a crash kept its index behind', async () => {
  await fill()
  const index = join(paths().repository('t/os'), 'index.json')
  const right = readFileSync(index, 'utf8')
  await writeFile(`${index}.old`, right.replace('multi', 'older'))
  await rename(`${index}.old`, index)
  await care.restart()
  expect(await care.fsck()).toMatchObject({ bad: 0 })
  expect(readFileSync(index, 'utf8')).toBe(right)
})
