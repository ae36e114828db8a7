// SPDX-License-Identifier: AGPL-3.0-or-later
import { afterEach, beforeEach, expect, test } from 'bun:test'
import { existsSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { copyFile, link, rename, rm, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { eq } from 'drizzle-orm'
import type { Digest } from '../store/digest.ts'
import { OCI_MANIFEST } from '../store/media-types.ts'
import { blobs, tags } from '../tables.ts'
import type { PushedImage } from '../test-bed.ts'
import { type CareBed, careBed } from './care-bed.ts'

let care: CareBed
let image: PushedImage
beforeEach(async () => {
  care = await careBed()
  image = await care.bed.image('t/os', '1', LAYER)
  await care.bed.store().fresh.settle()
  await care.bed.store().layouts.settle()
})
afterEach(() => care[Symbol.asyncDispose]())

const LAYER = 'a layer of some length'
const paths = () => care.bed.store().paths
const statusOf = async (path: string, method = 'GET') => (await care.bed.send(method, path)).status

/** Another bit, the same size, in place: all hard links show it. */
function flipBit(path: string): void {
  const bytes = readFileSync(path)
  bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1
  writeFileSync(path, bytes)
}

async function pushAgain(): Promise<void> {
  const again = await care.bed.image('t/os', '1', LAYER)
  expect(again.digest).toBe(image.digest)
}

const damage: Record<string, (digest: Digest) => Promise<void> | void> = {
  'a flipped bit': (digest) => flipBit(paths().blob(digest)),
  'a file cut short': (digest) => truncateSync(paths().blob(digest), 1),
  'a file grown longer': (digest) => writeFileSync(paths().blob(digest), 'x', { flag: 'a' }),
  'an empty file': (digest) => truncateSync(paths().blob(digest), 0),
  'a deleted file and its links': async (digest) => {
    await unlink(paths().blob(digest))
    await unlink(paths().repositoryBlob('t/os', digest))
  },
  'a link to nowhere': async (digest) => {
    await unlink(paths().blob(digest))
    await unlink(paths().repositoryBlob('t/os', digest))
    await Bun.$`ln -s /nowhere ${paths().blob(digest)}`
  },
}

test.each(
  Object.keys(damage).flatMap((name) =>
    (['layer', 'digest'] as const).map((what) => ({ name, what })),
  ),
)(
  '$name in a $what is found, served no more, and mended by the next push',
  async ({ name, what }) => {
    const digest = image[what]
    await damage[name]?.(digest)
    const found = await care.scrub()
    expect(found).toMatchObject({ bad: 1, repaired: 0 })
    expect(found.findings[0]).toMatchObject({ digest, quarantined: true })
    const path = what === 'layer' ? `/v2/t/os/blobs/${digest}` : `/v2/t/os/manifests/${digest}`
    // A client that looks before it pushes, pushes.
    expect(await statusOf(path, 'HEAD')).toBe(404)
    expect(await statusOf(path)).toBe(404)
    expect(existsSync(paths().repositoryBlob('t/os', digest))).toBe(false)
    expect(await care.fsck()).toMatchObject({ bad: 1 })
    await pushAgain()
    expect(await statusOf(path)).toBe(200)
    expect(await care.fsck()).toMatchObject({ bad: 0, findings: [] })
    expect(await care.scrub()).toMatchObject({ bad: 0, findings: [] })
    expect(await care.care().findings.openCount()).toBe(0)
    const [finding] = await care.care().findings.list({ state: 'repaired', limit: 10 })
    expect(finding).toMatchObject({ digest, quarantined: false, repaired_by: 'push' })
  },
)

test('two objects whose files were swapped are both found, and put back from the layouts', async () => {
  const { config, layer } = image
  const [a, b] = [paths().blob(config), paths().blob(layer)]
  await rename(a, `${a}.x`)
  await rename(b, a)
  await rename(`${a}.x`, b)
  const found = await care.scrub()
  expect(found).toMatchObject({ bad: 0, repaired: 2 })
  expect(await care.fsck()).toMatchObject({ bad: 0 })
  expect(await (await care.bed.send('GET', `/v2/t/os/blobs/${layer}`)).text()).toBe(LAYER)
})

test('two objects whose contents were swapped are both quarantined', async () => {
  const other = await care.bed.image('t/os', '2', 'A LAYER OF SOME LENGTH')
  await care.bed.store().fresh.settle()
  const [a, b] = [paths().blob(image.layer), paths().blob(other.layer)]
  const bytes = readFileSync(a)
  writeFileSync(a, readFileSync(b))
  writeFileSync(b, bytes)
  expect(await care.scrub()).toMatchObject({ bad: 2 })
})

test('an object is mended from a layout that holds a copy of its own', async () => {
  const { layer } = image
  const shown = paths().repositoryBlob('t/os', layer)
  await copyFile(shown, `${shown}.copy`)
  await rename(`${shown}.copy`, shown)
  flipBit(paths().blob(layer))
  const found = await care.scrub()
  expect(found).toMatchObject({ bad: 0, repaired: 1 })
  expect(found.findings[0]).toMatchObject({ kind: 'content', repaired_by: 'copy' })
  expect(statSync(paths().blob(layer)).nlink).toBe(2)
  expect(await care.fsck()).toMatchObject({ bad: 0, findings: [] })
})

test('a layout that lost an object, or holds it twice, shows the one of the store again', async () => {
  await unlink(paths().repositoryBlob('t/os', image.layer))
  const shown = paths().repositoryBlob('t/os', image.config)
  await copyFile(shown, `${shown}.copy`)
  await rename(`${shown}.copy`, shown)
  expect(await care.fsck()).toMatchObject({ bad: 2, repaired: 0 })
  expect(await care.scrub()).toMatchObject({ bad: 0, repaired: 2 })
  expect(await care.fsck()).toMatchObject({ bad: 0 })
  expect(statSync(paths().blob(image.layer)).nlink).toBe(2)
})

test.each([
  ['a flipped bit in index.json', 'index.json', flipBit],
  ['no index.json', 'index.json', (path: string) => rm(path)],
  ['an oci-layout of another version', 'oci-layout', (path: string) => writeFileSync(path, '{}')],
] as const)('%s is found and written anew', async (_, file, harm) => {
  await harm(join(paths().repository('t/os'), file))
  expect(await care.fsck()).toMatchObject({ bad: 1 })
  expect(await care.scrub()).toMatchObject({ bad: 0, repaired: 1 })
  expect(await care.fsck()).toMatchObject({ bad: 0 })
})

test('rows that contradict themselves are found', async () => {
  await care.bed.db.read.insert(tags).values({
    ...{
      repository: 't/os',
      name: 'ghost',
      digest: `sha256:${'0'.repeat(64)}`,
      setAt: 1,
      setBy: 'x',
    },
  })
  const { findings } = await care.fsck()
  expect(findings.map(({ kind, detail }) => [kind, detail])).toEqual([
    ['row', 'ghost: the tag points at a manifest that is not here'],
  ])
  await care.bed.db.read.delete(tags).where(eq(tags.name, 'ghost'))
  expect(await care.fsck()).toMatchObject({ bad: 0 })
})

test('a check without content finds what sizes and links tell, and reads no bytes', async () => {
  flipBit(paths().blob(image.layer))
  expect(await care.fsck({ content: false })).toMatchObject({ bad: 0, checked_bytes: 0 })
  truncateSync(paths().blob(image.layer), 3)
  expect(await care.fsck({ content: false })).toMatchObject({ bad: 1, checked_bytes: 0 })
})

test('a check that may repair does what the scrub does', async () => {
  await unlink(paths().repositoryBlob('t/os', image.layer))
  expect(await care.fsck({ repair: true })).toMatchObject({ bad: 0, repaired: 1 })
})

test('a file without a row is told and does not count as damage', async () => {
  await link(paths().blob(image.layer), join(paths().blobFolder(image.layer), 'f'.repeat(64)))
  const report = await care.fsck()
  expect(report).toMatchObject({ bad: 0 })
  expect(report.findings.map(({ kind }) => kind)).toEqual(['stray'])
})

test('a scrub that was stopped goes on where it stood', async () => {
  for (let at = 0; at < 120; at++) await care.bed.pushBlob('t/os', `blob ${at}`)
  const { tasks } = care.care()
  const { id } = care.care().startScrub('rest', 'ada')
  const leave = tasks.watch(id, ({ progress }) => progress.done >= 105 && tasks.cancel(id))
  expect((await tasks.done(id)).state).toBe('canceled')
  leave()
  await care.restart()
  expect(care.care().scrub.position()).toMatchObject({ checked: 100 })
  const rest = await care.care().tasks.done(care.care().startScrub('rest', 'ada').id)
  expect(rest.result).toMatchObject({ kind: 'check', checked: 23, bad: 0 })
  expect(care.care().scrub.position()).toMatchObject({ after: '', checked: 0 })
})

test('what is damaged can not be mounted, nor named by a new manifest', async () => {
  flipBit(paths().blob(image.layer))
  await care.scrub()
  const mount = `/v2/t/other/blobs/uploads/?mount=${image.layer}&from=t/os`
  expect(await statusOf(mount, 'POST')).toBe(202)
  const refused = await care.bed.putManifest('t/os', '2', image.text, OCI_MANIFEST)
  expect(refused.status).toBe(400)
  expect(await refused.json()).toMatchObject({ errors: [{ code: 'MANIFEST_BLOB_UNKNOWN' }] })
  expect(await care.bed.db.read.$count(blobs)).toBe(3)
})
