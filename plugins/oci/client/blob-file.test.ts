// SPDX-License-Identifier: AGPL-3.0-or-later
/** Downloads from a registry that the test plays, which may be weak or hostile. */
import { afterEach, beforeEach, expect, test } from 'bun:test'
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { KiB } from '../../../core/units.ts'
import { digestOf } from '../store/digest.ts'
import { fetchBlob, partialPath } from './blob-file.ts'
import { streamBlob } from './blob-stream.ts'
import { ANNOTATION, MEDIA } from './manifest.ts'
import { pullFiles } from './pull.ts'
import { readBytes } from './read-text.ts'
import { Registry } from './registry.ts'
import { createTransport } from './transport.ts'

const bytes = crypto.getRandomValues(new Uint8Array(60 * KiB))
const blob = { mediaType: MEDIA.octets, digest: digestOf(bytes), size: bytes.length }
const options = { now: Date.now, patienceMs: 0 }

let folder: string
const open: Disposable[] = []
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'slipway-blob-'))
})
afterEach(async () => {
  for (const one of open.splice(0)) one[Symbol.dispose]()
  await rm(folder, { recursive: true, force: true })
})

/** Gives `content` by ranges where `ranges` says so; what was asked for is noted. */
function play(content: Uint8Array<ArrayBuffer>, ranges = true) {
  const asked: (string | null)[] = []
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    fetch(request) {
      const range = request.headers.get('range')
      asked.push(range)
      const from = Number(/^bytes=(\d+)-/.exec(range ?? '')?.[1] ?? 0)
      if (!range || !ranges) return new Response(content)
      const headers = { 'content-range': `bytes ${from}-${content.length - 1}/${content.length}` }
      return new Response(content.subarray(from), { status: 206, headers })
    },
  })
  open.push({ [Symbol.dispose]: () => void server.stop(true) })
  const origin = `http://127.0.0.1:${server.port}`
  return { asked, registry: new Registry(createTransport({ origin, now: Date.now })) }
}

test('what lies there from before is gone on with, by a range', async () => {
  const { asked, registry } = play(bytes)
  const path = join(folder, 'disk')
  await writeFile(partialPath(path, blob), bytes.subarray(0, 10_000))
  expect(await fetchBlob(registry, 'a', blob, path, options)).toBe('received')
  expect(asked).toEqual(['bytes=10000-'])
  expect(digestOf(await readFile(path))).toBe(blob.digest)
  expect(await fetchBlob(registry, 'a', blob, path, options)).toBe('present')
  expect(asked).toHaveLength(1)
  expect(await readdir(folder)).toEqual(['disk'])
})

test('a registry without ranges is read from the beginning, and the beginning thrown away', async () => {
  const { registry } = play(bytes, false)
  const path = join(folder, 'disk')
  await writeFile(partialPath(path, blob), bytes.subarray(0, 10_000))
  expect(await fetchBlob(registry, 'a', blob, path, options)).toBe('received')
  expect(digestOf(await readFile(path))).toBe(blob.digest)
})

test('a beginning that was damaged on this side is fetched anew', async () => {
  const { asked, registry } = play(bytes)
  const path = join(folder, 'disk')
  await writeFile(partialPath(path, blob), new Uint8Array(10_000))
  expect(await fetchBlob(registry, 'a', blob, path, options)).toBe('received')
  expect(asked).toEqual(['bytes=10000-', null])
  expect(digestOf(await readFile(path))).toBe(blob.digest)
})

test.each([
  ['other bytes', bytes.with(5, (bytes[5] ?? 0) ^ 1), 'oci-client.digest'],
  ['more bytes, and other ones', new Uint8Array(bytes.length + 10), 'oci-client.digest'],
  ['too few bytes', bytes.slice(0, 100), 'oci-client.unreachable'],
])('%s than the digest says never get the name of the file', async (_, content, code) => {
  const { registry } = play(content)
  const path = join(folder, 'disk')
  expect(fetchBlob(registry, 'a', blob, path, options)).rejects.toMatchObject({ code })
  await fetchBlob(registry, 'a', blob, path, options).catch(() => {})
  expect(await Bun.file(path).exists()).toBe(false)
})

test('a stream tells at its end that the bytes were others', async () => {
  const good = await readBytes(streamBlob(play(bytes).registry, 'a', blob, options))
  expect(digestOf(good)).toBe(blob.digest)
  const { registry } = play(bytes.with(0, (bytes[0] ?? 0) ^ 1))
  expect(readBytes(streamBlob(registry, 'a', blob, options))).rejects.toThrow('other bytes')
})

test('a folder that a link leads elsewhere is not written into', async () => {
  const { asked, registry } = play(bytes)
  await mkdir(join(folder, 'outside'))
  await mkdir(join(folder, 'out'))
  await symlink('../outside', join(folder, 'out/sub'))
  const layer = { ...blob, annotations: { [ANNOTATION.title]: 'sub/disk' } }
  const files = [{ path: join(folder, 'out/sub/disk'), layer }]
  const pulled = pullFiles(registry, 'a', files, join(folder, 'out'), options)
  expect(pulled).rejects.toThrow('by a link')
  await pulled.catch(() => {})
  expect(asked).toEqual([])
  expect(await readdir(join(folder, 'outside'))).toEqual([])
})

test('a link under the name of the file is replaced, not followed', async () => {
  const { registry } = play(bytes)
  await writeFile(join(folder, 'precious'), 'stays')
  await symlink('precious', join(folder, 'disk'))
  expect(await fetchBlob(registry, 'a', blob, join(folder, 'disk'), options)).toBe('received')
  expect(await readFile(join(folder, 'precious'), 'utf8')).toBe('stays')
})
