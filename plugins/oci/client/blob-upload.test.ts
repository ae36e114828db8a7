// SPDX-License-Identifier: AGPL-3.0-or-later
/** Uploads to registries with manners, which the test plays; a line that is cut is in `test/`. */
import { afterEach, expect, test } from 'bun:test'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DAY, KiB, MiB } from '../../../core/units.ts'
import { digestOf } from '../store/digest.ts'
import { uploadBlob } from './blob-upload.ts'
import { MEDIA } from './manifest.ts'
import { Registry } from './registry.ts'
import type { BlobSource } from './transfer.ts'
import { createTransport } from './transport.ts'
import { createUploadMemory, openUploadMemory } from './upload-memory.ts'

const bytes = crypto.getRandomValues(new Uint8Array(64 * KiB))
const content = new Uint8Array(2 * MiB)
for (let at = 0; at < content.length; at += bytes.length) content.set(bytes, at)
content[7] = 7
const blob = { mediaType: MEDIA.octets, digest: digestOf(content), size: content.length }
const source: BlobSource = {
  ...{ blob, name: 'blob' },
  async *open(from, to) {
    yield content.subarray(from, to)
  },
}
const options = { now: Date.now, patienceMs: 20_000 }

interface Manners {
  readonly answer?: (method: string, url: URL, count: number) => Response | undefined
  /** Bytes of a session that was there before. */
  readonly before?: Uint8Array
  readonly headers?: Record<string, string>
}

const servers: Bun.Server<undefined>[] = []
afterEach(() => {
  for (const server of servers.splice(0)) void server.stop(true)
})

/** A registry in memory as the specification says, but for its manners. */
function play({ answer, before, headers = {} }: Manners = {}) {
  const log: string[] = []
  const warnings: string[] = []
  const sessions = new Map<string, Uint8Array>(before ? [['/v2/a/blobs/uploads/old', before]] : [])
  let stored: Uint8Array | undefined
  const range = (path: string) => ({
    location: path,
    range: `0-${Math.max(0, (sessions.get(path)?.length ?? 0) - 1)}`,
    ...headers,
  })
  const server = Bun.serve({
    ...{ port: 0, hostname: '127.0.0.1', maxRequestBodySize: 16 * MiB },
    async fetch(request) {
      const { method } = request
      const url = new URL(request.url)
      const { pathname: path } = url
      const body = await request.bytes()
      log.push(method)
      const own = answer?.(method, url, log.filter((one) => one === method).length)
      if (own) return own
      if (method === 'HEAD') return new Response(null, { status: stored ? 200 : 404 })
      if (method === 'POST') {
        const location = `/v2/a/blobs/uploads/${log.length}`
        sessions.set(location, new Uint8Array())
        return new Response(null, { status: 202, headers: range(location) })
      }
      const held = sessions.get(path)
      if (!held) return new Response(null, { status: 404 })
      if (method === 'DELETE') sessions.delete(path)
      if (method === 'GET' || method === 'DELETE') {
        return new Response(null, { status: 204, headers: range(path) })
      }
      const from = Number(request.headers.get('content-range')?.split('-')[0] ?? held.length)
      if (from !== held.length) return new Response(null, { status: 416, headers: range(path) })
      const now = Buffer.concat([held, body])
      sessions.set(path, now)
      if (method === 'PATCH') return new Response(null, { status: 202, headers: range(path) })
      sessions.delete(path)
      if (digestOf(now) !== url.searchParams.get('digest')) {
        return Response.json({ errors: [{ code: 'DIGEST_INVALID' }] }, { status: 400 })
      }
      stored = now
      return new Response(null, { status: 201 })
    },
  })
  servers.push(server)
  const origin = `http://127.0.0.1:${server.port}`
  const parts = { origin, now: Date.now, onWarning: (text: string) => void warnings.push(text) }
  return {
    ...{ log, origin, warnings, registry: new Registry(createTransport(parts)) },
    stored: () => stored && digestOf(stored),
  }
}

const pieces = (log: readonly string[]) => log.filter((method) => method === 'PATCH').length

test('a blob goes in pieces; one that is there does not go', async () => {
  const { registry, log, stored } = play()
  expect(await uploadBlob(registry, 'a', source, options)).toBe('sent')
  expect(stored()).toBe(blob.digest)
  expect(log).toEqual(['HEAD', 'POST', ...Array(8).fill('PATCH'), 'PUT'])
  expect(await uploadBlob(registry, 'a', source, options)).toBe('present')
})

test('the smallest piece that a registry takes is kept to', async () => {
  const { registry, log } = play({ headers: { 'oci-chunk-min-length': String(MiB) } })
  await uploadBlob(registry, 'a', source, options)
  expect(pieces(log)).toBe(2)
})

test('a registry that takes no pieces gets the blob whole', async () => {
  const { registry, log, stored } = play({
    answer: (method) => (method === 'PATCH' ? new Response(null, { status: 405 }) : undefined),
  })
  expect(await uploadBlob(registry, 'a', source, options)).toBe('sent')
  expect(log).toEqual(['HEAD', 'POST', 'PATCH', 'HEAD', 'POST', 'PUT'])
  expect(stored()).toBe(blob.digest)
})

test('a mount that is refused is an upload', async () => {
  const { registry, log } = play({
    answer: (method, url) =>
      method === 'POST' && url.searchParams.has('mount')
        ? new Response(null, { status: 403 })
        : undefined,
  })
  expect(await uploadBlob(registry, 'a', source, { ...options, mountFrom: 'b' })).toBe('sent')
  expect(log.slice(0, 4)).toEqual(['HEAD', 'POST', 'POST', 'PATCH'])
})

test('an upload of an earlier process is gone on with', async () => {
  const { registry, origin, log, stored } = play({ before: content.subarray(0, MiB) })
  const memory = createUploadMemory()
  const key = { origin, repository: 'a', digest: blob.digest }
  await memory.keep(key, `${origin}/v2/a/blobs/uploads/old`)
  await uploadBlob(registry, 'a', source, { ...options, memory })
  expect(log.slice(0, 2)).toEqual(['HEAD', 'GET'])
  expect(pieces(log)).toBe(4)
  expect(stored()).toBe(blob.digest)
  expect(await memory.recall(key)).toBeUndefined()
})

test.each([
  ['other bytes', new Uint8Array(MiB)],
  ['more bytes than the blob', new Uint8Array(3 * MiB)],
])('one that holds %s is begun anew', async (_, before) => {
  const { registry, origin, stored } = play({ before })
  const memory = createUploadMemory()
  const key = { origin, repository: 'a', digest: blob.digest }
  await memory.keep(key, `${origin}/v2/a/blobs/uploads/old`)
  expect(await uploadBlob(registry, 'a', source, { ...options, memory })).toBe('sent')
  expect(stored()).toBe(blob.digest)
})

test('a registry that never stands where it says gets another session', async () => {
  let posts = 0
  const { registry, stored } = play({
    answer: (method) => {
      if (method === 'POST') posts++
      return method === 'PATCH' && posts < 2 ? new Response(null, { status: 416 }) : undefined
    },
  })
  expect(await uploadBlob(registry, 'a', source, options)).toBe('sent')
  expect(posts).toBe(2)
  expect(stored()).toBe(blob.digest)
}, 20_000)

test('a session that is held by a connection that broke is waited for, not given up', async () => {
  const { registry, log, stored } = play({
    answer: (method, _, count) =>
      (method === 'PATCH' || method === 'PUT') && count < 3
        ? new Response(null, { status: 409 })
        : undefined,
  })
  expect(await uploadBlob(registry, 'a', source, options)).toBe('sent')
  expect(stored()).toBe(blob.digest)
  expect(log.filter((method) => method === 'POST')).toHaveLength(1)
}, 20_000)

test('an answer to the last request that got lost is found out by asking for the blob', async () => {
  let committed = false
  const { registry, log } = play({
    answer: (method, _, count) => {
      if (method === 'HEAD' && committed)
        return new Response(null, { headers: { 'content-length': '1' } })
      if (method !== 'PUT' || count > 1) return undefined
      committed = true
      return new Response(null, { status: 502 })
    },
  })
  expect(await uploadBlob(registry, 'a', source, options)).toBe('present')
  expect(log.filter((method) => method === 'PUT')).toHaveLength(1)
})

test('a source that can not be read ends it at once, in its own words', async () => {
  const { registry, log } = play()
  const unreadable: BlobSource = {
    ...source,
    async *open(from, to) {
      yield content.subarray(from, from + 1_000)
      throw new Error(`the disk has no bytes ${from} to ${to}`)
    },
  }
  const started = performance.now()
  expect(uploadBlob(registry, 'a', unreadable, options)).rejects.toThrow('the disk has no bytes')
  await uploadBlob(registry, 'a', unreadable, options).catch(() => {})
  expect(performance.now() - started).toBeLessThan(10_000)
  expect(log).not.toContain('PUT')
})

test('no patience: the first failure ends it', async () => {
  const { registry } = play({
    answer: (method) => (method === 'POST' ? new Response(null, { status: 503 }) : undefined),
  })
  const upload = uploadBlob(registry, 'a', source, { now: Date.now, patienceMs: 0 })
  expect(upload).rejects.toMatchObject({ code: 'oci-client.busy' })
})

test('what the registry wants people to read is told once', async () => {
  const headers = { warning: '299 - "the disk is \\"90 %\\" full", 299 - "and old"' }
  const { registry, warnings } = play({ headers })
  await uploadBlob(registry, 'a', source, options)
  expect(warnings).toEqual(['the disk is "90 %" full', 'and old'])
})

test('a folder of uploads keeps places for a week, and leaves those of a living process alone', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'slipway-uploads-'))
  try {
    const key = { origin: 'https://a', repository: 'b', digest: blob.digest }
    const memory = await openUploadMemory(folder, Date.now)
    await memory.keep(key, 'https://a/session')
    expect(await memory.recall(key)).toBe('https://a/session')
    expect(await memory.recall({ ...key, repository: 'c' })).toBeUndefined()
    const [name = ''] = await readdir(folder)
    const kept = await Bun.file(join(folder, name)).json()
    // Process 1 lives as long as the system does.
    await Bun.write(join(folder, name), JSON.stringify({ ...kept, pid: 1 }))
    expect(await memory.recall(key)).toBeUndefined()
    await Bun.write(join(folder, name), '{"loc')
    expect(await memory.recall(key)).toBeUndefined()
    await openUploadMemory(folder, () => Date.now() + 8 * DAY)
    expect(await readdir(folder)).toEqual([])
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})
