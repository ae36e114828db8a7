// SPDX-License-Identifier: AGPL-3.0-or-later
/** Section 1.2, rules over all: what the bytes on the wire say. */
import { describe, expect, test } from 'bun:test'
import { digestOf, freshBytes, TYPES } from './content.ts'
import { freshName, useRegistry } from './registry.ts'
import { exchange, type WireReply } from './wire.ts'

const registry = useRegistry()
const { begin, call, pushBlob, pushImage } = registry

async function sent(head: readonly string[], body?: Uint8Array): Promise<WireReply> {
  const reply = await exchange(registry, { head, ...(body ? { body } : {}) })
  if (!reply) throw new Error('the connection was cut without an answer')
  return reply
}
const get = (path: string, ...headers: string[]) => sent([`GET ${path} HTTP/1.1`, ...headers])
const valuesOf = ({ headers }: WireReply, name: string) =>
  headers.filter(([each]) => each === name).map(([, value]) => value)

describe('headers', () => {
  test('every answer has one Content-Length or none, and is never chunked', async () => {
    const name = freshName()
    const { digest } = await pushImage(name, { tag: 'v1' })
    const blob = await pushBlob(name, freshBytes(100_000))
    for (const path of [
      ...['/v2/', '/v2/_catalog', `/v2/${name}/tags/list`, `/v2/${name}/manifests/v1`],
      ...[`/v2/${name}/blobs/${blob}`, `/v2/${name}/referrers/${digest}`],
      ...[`/v2/${name}/manifests/none`, `/v2/UPPER/tags/list`],
    ]) {
      const reply = await get(path)
      expect([path, valuesOf(reply, 'transfer-encoding')]).toEqual([path, []])
      expect([path, valuesOf(reply, 'content-length')]).toEqual([path, [`${reply.body.length}`]])
    }
  })

  test('a range of a blob has its exact length on the wire', async () => {
    const name = freshName()
    const blob = await pushBlob(name, freshBytes(300_000))
    const reply = await get(`/v2/${name}/blobs/${blob}`, 'Range: bytes=1000-200999')
    expect([reply.status, reply.body.length]).toEqual([206, 200_000])
    expect(valuesOf(reply, 'content-length')).toEqual(['200000'])
    expect(valuesOf(reply, 'transfer-encoding')).toEqual([])
  })

  test('HEAD has the length of GET on the wire, and no byte of a body', async () => {
    const name = freshName()
    await pushImage(name, { tag: 'v1' })
    const blob = await pushBlob(name, freshBytes(12_345))
    for (const path of [
      ...[`/v2/${name}/manifests/v1`, `/v2/${name}/blobs/${blob}`],
      ...[`/v2/${name}/manifests/none`, '/v2/', `/v2/${name}/tags/list`],
    ]) {
      const head = await sent([`HEAD ${path} HTTP/1.1`])
      const got = await get(path)
      expect([path, head.status, head.body.length]).toEqual([path, got.status, 0])
      expect([path, valuesOf(head, 'content-length')]).toEqual([
        path,
        valuesOf(got, 'content-length'),
      ])
      expect([path, valuesOf(head, 'content-type')]).toEqual([path, valuesOf(got, 'content-type')])
    }
  })

  test('the media type of a manifest stands alone, without parameters, once', async () => {
    const name = freshName()
    await pushImage(name, { tag: 'v1' })
    expect(valuesOf(await get(`/v2/${name}/manifests/v1`), 'content-type')).toEqual([TYPES.image])
  })

  test('an accepted upload says Content-Length 0', async () => {
    const head = [`POST /v2/${freshName()}/blobs/uploads/ HTTP/1.1`, 'Content-Length: 0']
    const reply = await sent(head)
    expect([reply.status, valuesOf(reply, 'content-length')]).toEqual([202, ['0']])
  })

  test('a POST without a Content-Length begins an upload too', async () => {
    const reply = await sent([`POST /v2/${freshName()}/blobs/uploads/ HTTP/1.1`])
    expect(reply.status).toBe(202)
  })
})

describe('bodies', () => {
  test('Expect: 100-continue is answered before the body, and the push succeeds', async () => {
    const [name, bytes] = [freshName(), freshBytes(200_000)]
    const { pathname, search } = new URL(await begin(name), registry.origin)
    const query = `${search ? `${search}&` : '?'}digest=${digestOf(bytes)}`
    const reply = await exchange(registry, {
      head: [
        `PUT ${pathname}${query} HTTP/1.1`,
        `Content-Length: ${bytes.length}`,
        'Expect: 100-continue',
      ],
      body: bytes,
      awaitContinue: true,
    })
    expect([reply?.interim, reply?.status]).toEqual([[100], 201])
    expect((await call('GET', `/v2/${name}/blobs/${digestOf(bytes)}`)).digest).toBe(digestOf(bytes))
  })

  test('a body in odd HTTP chunks is put together', async () => {
    const [name, bytes] = [freshName(), freshBytes(70_001)]
    const { pathname, search } = new URL(await begin(name), registry.origin)
    const pieces: Buffer[] = []
    for (let from = 0, size = 1; from < bytes.length; from += size, size = (size * 3 + 1) % 9_973) {
      const piece = bytes.subarray(from, from + size)
      pieces.push(Buffer.from(`${piece.length.toString(16)};x=y\r\n`), Buffer.from(piece))
      pieces.push(Buffer.from('\r\n'))
    }
    const body = Buffer.concat([...pieces, Buffer.from('0\r\n\r\n')])
    const query = `${search ? `${search}&` : '?'}digest=${digestOf(bytes)}`
    const reply = await sent(
      [`PUT ${pathname}${query} HTTP/1.1`, 'Transfer-Encoding: chunked'],
      body,
    )
    expect(reply.status).toBe(201)
  })

  test('a manifest pushed in HTTP chunks is taken', async () => {
    const name = freshName()
    const { bytes, type } = await pushImage(name)
    const body = Buffer.concat([
      Buffer.from(`${bytes.length.toString(16)}\r\n`),
      Buffer.from(bytes),
      Buffer.from('\r\n0\r\n\r\n'),
    ])
    const reply = await sent(
      [
        `PUT /v2/${name}/manifests/chunked HTTP/1.1`,
        `Content-Type: ${type}`,
        'Transfer-Encoding: chunked',
      ],
      body,
    )
    expect(reply.status).toBe(201)
  })

  test('a blob is sent to HTTP/1.0 with its length', async () => {
    const name = freshName()
    const blob = await pushBlob(name, freshBytes(50_000))
    const reply = await sent([`GET /v2/${name}/blobs/${blob} HTTP/1.0`])
    expect([reply.status, reply.body.length]).toEqual([200, 50_000])
    expect(valuesOf(reply, 'transfer-encoding')).toEqual([])
  })

  test('a compressed manifest is not unpacked: its bytes are no JSON', async () => {
    const name = freshName()
    const { bytes, type } = await pushImage(name)
    const body = Bun.gzipSync(bytes)
    const reply = await call('PUT', `/v2/${name}/manifests/zipped`, {
      body,
      headers: { 'Content-Type': type, 'Content-Encoding': 'gzip' },
    })
    expect(reply.status).toBe(400)
  })
})

describe('paths', () => {
  test.each([
    '/v2/a/../../etc/passwd',
    '/v2/../../admin.token',
    '/v2/%2e%2e/%2e%2e/etc/passwd',
    '/v2/a/manifests/..%2f..%2f..%2fadmin.token',
    '/v2/a/blobs/sha256:..%2f..%2fadmin.token',
    '/v2/a/blobs/uploads/..%2f..%2f..%2fadmin.token',
    '/v2/%',
    '/v2/%zz/tags/list',
    '/v2/a/manifests/%ff',
    '/v2//tags/list',
    '/v2/a//manifests/v1',
    '/v2/a/blobs/uploads//',
    '/v2/a/manifests/',
    '/v2/a/blobs/',
    '/v2/a/referrers/',
    '/v2/tags/list',
    '/v2/a/tags',
    '/v2/a/tags/list/x',
    '/v2/_nothing',
    '/v2/a;b/tags/list',
  ])('%s is refused and leads nowhere', async (path) => {
    const { status, body } = await get(path)
    expect(status).toBeGreaterThanOrEqual(400)
    expect(status).toBeLessThan(500)
    expect(body.toString()).not.toMatch(/root:|[0-9a-f]{48}/)
  })

  test('a path of 60,000 characters is refused and no fault', async () => {
    const reply = await exchange(registry, {
      head: [`GET /v2/${'a/'.repeat(30_000)}tags/list HTTP/1.1`],
    })
    expect(reply?.status ?? 414).toBeLessThan(500)
  })
})
