// SPDX-License-Identifier: AGPL-3.0-or-later
/** Sections 1.2 end-2 and end-2R: reading blobs, whole and in ranges. */
import { beforeAll, expect, test } from 'bun:test'
import { join } from 'node:path'
import { fsck } from './care-api.ts'
import { digestOf, freshBytes, missingDigest } from './content.ts'
import { oddities } from './oddities.ts'
import { freshName, useRegistry } from './registry.ts'

const registry = useRegistry()
const { call, pushBlob } = registry

const LENGTH = 2_000
const name = freshName()
const bytes = freshBytes(LENGTH)
const digest = digestOf(bytes)
const blob = `/v2/${name}/blobs/${digest}`
beforeAll(async () => {
  await pushBlob(name, bytes)
})

const lengthOf = (headers: Headers) => headers.get('content-length')

test('a blob comes back to the byte, with its length, digest and type', async () => {
  const got = await call('GET', blob)
  expect(got).toMatchObject({ status: 200, digest })
  expect(Object.fromEntries(got.headers)).toMatchObject({
    'content-length': String(LENGTH),
    'docker-content-digest': digest,
    'content-type': 'application/octet-stream',
    'accept-ranges': 'bytes',
  })
})

test('a blob is never an attachment with a file name', async () => {
  expect((await call('GET', blob)).headers.has('content-disposition')).toBe(false)
})

test('HEAD of a blob gives the headers of GET and no body', async () => {
  const [got, head] = [await call('GET', blob), await call('HEAD', blob)]
  const facts = ({ headers }: { headers: Headers }) =>
    [
      ...['content-length', 'docker-content-digest', 'content-type', 'accept-ranges'],
      ...['etag', 'cache-control', 'docker-distribution-api-version'],
    ].map((header) => headers.get(header))
  expect(head.status).toBe(200)
  expect(head.bytes()).toHaveLength(0)
  expect(facts(head)).toEqual(facts(got))
})

test('the empty blob can be pushed and read', async () => {
  const empty = await pushBlob(name, new Uint8Array())
  const got = await call('GET', `/v2/${name}/blobs/${empty}`)
  expect(got).toMatchObject({ status: 200, digest: empty })
  expect(lengthOf(got.headers)).toBe('0')
  const head = await call('HEAD', `/v2/${name}/blobs/${empty}`)
  expect([head.status, lengthOf(head.headers)]).toEqual([200, '0'])
})

test('a range of the empty blob can not be satisfied', async () => {
  const empty = await pushBlob(name, new Uint8Array())
  const got = await call('GET', `/v2/${name}/blobs/${empty}`, { headers: { Range: 'bytes=0-' } })
  expect([got.status, got.headers.get('content-range')]).toEqual([416, 'bytes */0'])
})

test('the empty JSON object is a blob like others', async () => {
  const object = await pushBlob(name, new TextEncoder().encode('{}'))
  expect((await call('GET', `/v2/${name}/blobs/${object}`)).json).toEqual({})
})

test('a blob that does not exist is BLOB_UNKNOWN', async () => {
  const { status, codes } = await call('GET', `/v2/${name}/blobs/${missingDigest()}`)
  expect({ status, codes }).toEqual({ status: 404, codes: ['BLOB_UNKNOWN'] })
  expect((await call('HEAD', `/v2/${name}/blobs/${missingDigest()}`)).status).toBe(404)
})

test('a blob of a repository that does not exist is unknown', async () => {
  const { status, codes } = await call('GET', `/v2/${freshName()}/blobs/${digest}`)
  expect(status).toBe(404)
  expect(codes).toEqual([expect.stringMatching(/^(BLOB|NAME)_UNKNOWN$/)])
})

test('a blob of another repository is not seen in this one', async () => {
  const other = freshName()
  await pushBlob(other, freshBytes())
  for (const method of ['GET', 'HEAD', 'DELETE']) {
    expect((await call(method, `/v2/${other}/blobs/${digest}`)).status).toBe(404)
  }
})

test.each([
  { range: 'bytes=500-1499', from: 500, to: 1_499, name: 'in the middle' },
  { range: 'bytes=500-', from: 500, to: 1_999, name: 'up to the end' },
  { range: 'bytes=-500', from: 1_500, to: 1_999, name: 'of the last bytes' },
  { range: 'bytes=1000-5000', from: 1_000, to: 1_999, name: 'past the end, clamped' },
  { range: 'bytes=0-0', from: 0, to: 0, name: 'of the first byte' },
  { range: 'bytes=1999-1999', from: 1_999, to: 1_999, name: 'of the last byte' },
  { range: 'bytes=0-', from: 0, to: 1_999, name: 'of everything' },
  { range: 'bytes=0-1999', from: 0, to: 1_999, name: 'of everything by number' },
  { range: 'bytes=-5000', from: 0, to: 1_999, name: 'of more last bytes than there are' },
  { range: 'bytes=0-99999999999999', from: 0, to: 1_999, name: 'with a large end' },
])('a range $name ($range) is answered with 206 and its bytes', async ({ range, from, to }) => {
  const got = await call('GET', blob, { headers: { Range: range } })
  expect(got.status).toBe(206)
  expect(got.headers.get('content-range')).toBe(`bytes ${from}-${to}/${LENGTH}`)
  expect(lengthOf(got.headers)).toBe(String(to - from + 1))
  expect(got.digest).toBe(digestOf(bytes.subarray(from, to + 1)))
})

test.each([
  ['bytes=500-0', 'ends before it begins'],
  ['bytes=5000-10000', 'begins past the end'],
  ['bytes=2000-', 'begins right after the last byte'],
  ['bytes=2000-2000', 'is the byte after the last'],
  ['bytes=-0', 'has no bytes'],
  ['bytes=99999999999999999999-', 'begins at a number too large to hold'],
])('a range %s, which %s, is answered with 416 and the length', async (range) => {
  const got = await call('GET', blob, { headers: { Range: range } })
  expect([got.status, got.headers.get('content-range')]).toEqual([416, `bytes */${LENGTH}`])
})

test.each(['items=0-5', 'bytes', 'bytes=', 'bytes=x-y', 'bytes=-', 'bytes=1', 'lines=1-2,4-5'])(
  'a Range header %s, which is no range of bytes, gives the whole blob or a refusal',
  async (range) => {
    const got = await call('GET', blob, { headers: { Range: range } })
    expect([200, 400, 416]).toContain(got.status)
    if (got.status === 200) expect(got.digest).toBe(digest)
  },
)

test('several ranges at once give the whole blob or a multipart answer that holds them', async () => {
  const got = await call('GET', blob, { headers: { Range: 'bytes=0-9,100-109' } })
  if (got.status === 200) {
    expect(got.digest).toBe(digest)
    return
  }
  expect(got.status).toBe(206)
  expect(got.headers.get('content-type')).toMatch(/^multipart\/byteranges; *boundary=/)
  const text = Buffer.from(got.bytes())
  for (const [from, to] of [
    [0, 9],
    [100, 109],
  ] as const) {
    expect(text.includes(`bytes ${from}-${to}/${LENGTH}`)).toBe(true)
    expect(text.includes(Buffer.from(bytes.subarray(from, to + 1)))).toBe(true)
  }
})

test('HEAD with a Range still tells what GET would send', async () => {
  const head = await call('HEAD', blob, { headers: { Range: 'bytes=0-9' } })
  expect([200, 206]).toContain(head.status)
  expect(lengthOf(head.headers)).toBe(head.status === 206 ? '10' : String(LENGTH))
})

test('a blob has its digest as ETag', async () => {
  expect((await call('GET', blob)).headers.get('etag')).toBe(`"${digest}"`)
})

test('If-Range with the ETag gives the range, with another one the whole', async () => {
  const ask = (etag: string) =>
    call('GET', blob, { headers: { Range: 'bytes=0-9', 'If-Range': etag } })
  expect((await ask(`"${digest}"`)).status).toBe(206)
  expect((await ask(`"${missingDigest()}"`)).status).toBe(200)
})

test('a blob that the client has already is answered with 304', async () => {
  const same = await call('GET', blob, { headers: { 'If-None-Match': `"${digest}"` } })
  expect([same.status, same.bytes().length]).toEqual([304, 0])
  const other = await call('GET', blob, { headers: { 'If-None-Match': `"${missingDigest()}"` } })
  expect(other.status).toBe(200)
})

test('a blob is not compressed for a client that would take it', async () => {
  const text = new TextEncoder().encode('compress me '.repeat(1_000))
  const path = `/v2/${name}/blobs/${await pushBlob(name, text)}`
  for (const coding of ['gzip', 'zstd;q=1.0', 'gzip, deflate, br, zstd']) {
    const got = await call('GET', path, { headers: { 'Accept-Encoding': coding } })
    expect([got.status, got.headers.get('content-encoding')]).toEqual([200, null])
    expect(lengthOf(got.headers)).toBe(String(text.length))
  }
})

test('a client that breaks off a blob disturbs nobody', async () => {
  const large = freshBytes(8 << 20)
  const path = `/v2/${name}/blobs/${await pushBlob(name, large)}`
  const login = registry.authorization ? { Authorization: registry.authorization } : {}
  for (let each = 0; each < 5; each++) {
    const response = await fetch(new URL(path, registry.origin), { headers: login })
    const reader = response.body?.getReader()
    await reader?.read()
    await reader?.cancel()
  }
  const got = await call('GET', path)
  expect(got.digest).toBe(digestOf(large))
})

test('a blob that is deleted while it is read is read to its end', async () => {
  const large = freshBytes(32 << 20)
  const own = freshName()
  const path = `/v2/${own}/blobs/${await pushBlob(own, large)}`
  const login = registry.authorization ? { Authorization: registry.authorization } : {}
  const response = await fetch(new URL(path, registry.origin), { headers: login })
  const reader = response.body?.getReader()
  const hash = new Bun.CryptoHasher('sha256')
  const first = await reader?.read()
  hash.update(first?.value ?? '')
  expect((await call('DELETE', path)).status).toBe(202)
  for (;;) {
    const { done, value } = (await reader?.read()) ?? { done: true, value: undefined }
    if (done) break
    hash.update(value)
  }
  expect(`sha256:${hash.digest('hex')}`).toBe(digestOf(large))
  expect((await call('GET', path)).status).toBe(404)
})

test('ten clients read one blob at the same time', async () => {
  const large = freshBytes(4 << 20)
  const path = `/v2/${name}/blobs/${await pushBlob(name, large)}`
  const all = await Promise.all(Array.from({ length: 10 }, () => call('GET', path)))
  expect(new Set(all.map((got) => got.digest))).toEqual(new Set([digestOf(large)]))
})

test('parallel open-ended ranges, each broken off, put a blob together', async () => {
  const large = freshBytes(6 << 20)
  const path = `/v2/${name}/blobs/${await pushBlob(name, large)}`
  const login = registry.authorization ? { Authorization: registry.authorization } : {}
  const part = async (from: number, length: number) => {
    const response = await fetch(new URL(path, registry.origin), {
      headers: { ...login, Range: `bytes=${from}-` },
    })
    expect(response.status).toBe(206)
    const pieces: Uint8Array[] = []
    let size = 0
    for await (const piece of response.body ?? []) {
      pieces.push(piece)
      size += piece.length
      if (size >= length) break
    }
    return Buffer.concat(pieces).subarray(0, length)
  }
  const parts = await Promise.all([0, 1, 2, 3, 4, 5].map((at) => part(at << 20, 1 << 20)))
  expect(digestOf(Buffer.concat(parts))).toBe(digestOf(large))
})

test('a containerd mirror request with ns is answered as without', async () => {
  const got = await call('GET', `${blob}?ns=docker.example`)
  expect(got).toMatchObject({ status: 200, digest })
})

test('a repository that holds blobs alone is an OCI layout on the disk', async () => {
  const { running } = registry
  // Of another registry the folder is not ours to look at.
  if (!running) return
  const own = freshName('alone')
  const digest = await pushBlob(own, freshBytes())
  const folder = join(running.dataDir, 'oci/repos', own)
  const index = () => Bun.file(join(folder, 'index.json'))
  const deadline = performance.now() + 10_000
  while (!(await index().exists()) && performance.now() < deadline) await Bun.sleep(20)
  expect(await index().json()).toMatchObject({ schemaVersion: 2, manifests: [] })
  expect(await Bun.file(join(folder, 'blobs', digest.replace(':', '/'))).exists()).toBe(true)
  expect((await fsck(registry)).findings).toEqual([])
}, 30_000)

test('every answer about reading blobs has the form that OCI asks for', () => {
  expect(oddities.found).toEqual([])
})
