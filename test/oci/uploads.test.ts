// SPDX-License-Identifier: AGPL-3.0-or-later
/** Sections 1.2 end-4 to end-6, end-13, end-14, and 1.3: how a blob comes in. */
import { expect, test } from 'bun:test'
import { digestOf, freshBytes, missingDigest, textBytes } from './content.ts'
import { oddities } from './oddities.ts'
import { freshName, type Reply, useRegistry, withQuery } from './registry.ts'
import { exchange } from './wire.ts'

const registry = useRegistry()
const { call, begin, pushBlob } = registry

const locationOf = ({ headers }: Reply) => {
  const location = headers.get('location')
  if (!location) throw new Error('the answer has no Location')
  return location
}
const put = (location: string, digest: string, body?: Uint8Array<ArrayBuffer>, range?: string) =>
  call('PUT', withQuery(location, `digest=${digest}`), {
    ...(body ? { body } : {}),
    headers: range ? { 'Content-Range': range } : {},
  })
const patch = (location: string, body: Uint8Array<ArrayBuffer>, range?: string) =>
  call('PATCH', location, {
    body,
    headers: {
      'Content-Type': 'application/octet-stream',
      ...(range ? { 'Content-Range': range } : {}),
    },
  })

/** The blob is there, whole, and its upload is gone. */
async function expectPushed(name: string, bytes: Uint8Array, reply: Reply) {
  const digest = digestOf(bytes)
  expect({ status: reply.status, codes: reply.codes }).toEqual({ status: 201, codes: [] })
  const got = await call('GET', locationOf(reply))
  expect(got).toMatchObject({ status: 200, digest })
  expect((await call('HEAD', `/v2/${name}/blobs/${digest}`)).status).toBe(200)
}

test.each(['uploads/', 'uploads'])('an upload begins at %s', async (end) => {
  const reply = await call('POST', `/v2/${freshName()}/blobs/${end}`)
  expect(reply.status).toBe(202)
  expect(locationOf(reply)).toContain('/blobs/uploads/')
  expect(Object.fromEntries(reply.headers)).toMatchObject({
    range: '0-0',
    'docker-upload-uuid': expect.stringMatching(/^[\w-]+$/),
    'content-length': '0',
  })
})

test('two uploads have two locations', async () => {
  const name = freshName()
  expect(await begin(name)).not.toBe(await begin(name))
})

test('a Location never names http behind a proxy that speaks TLS', async () => {
  const reply = await call('POST', `/v2/${freshName()}/blobs/uploads/`, {
    headers: { 'X-Forwarded-Proto': 'https', 'X-Forwarded-Host': 'registry.example' },
  })
  expect(locationOf(reply)).toMatch(/^(\/v2\/|https:\/\/)/)
})

test('a blob is pushed by POST and one PUT', async () => {
  const [name, bytes] = [freshName(), freshBytes(1_000)]
  await expectPushed(name, bytes, await put(await begin(name), digestOf(bytes), bytes))
})

test('a blob is pushed by one POST with its digest and body', async () => {
  const [name, bytes] = [freshName(), freshBytes(1_000)]
  const url = `/v2/${name}/blobs/uploads/?digest=${digestOf(bytes)}`
  await expectPushed(name, bytes, await call('POST', url, { body: bytes }))
})

test('one POST needs no content type', async () => {
  const [name, bytes] = [freshName(), freshBytes(100)]
  const url = `/v2/${name}/blobs/uploads/?digest=${digestOf(bytes)}`
  const reply = await call('POST', url, { body: bytes, headers: { 'Content-Type': '' } })
  expect(reply.status).toBe(201)
})

test('the empty blob is pushed by one POST', async () => {
  const [name, bytes] = [freshName(), new Uint8Array()]
  const url = `/v2/${name}/blobs/uploads/?digest=${digestOf(bytes)}`
  await expectPushed(name, bytes, await call('POST', url))
})

test('the empty blob is pushed by POST and an empty PUT', async () => {
  const [name, bytes] = [freshName(), new Uint8Array()]
  await expectPushed(name, bytes, await put(await begin(name), digestOf(bytes)))
})

test.each([
  ['of other bytes', missingDigest(), ['DIGEST_INVALID']],
  ['with no hash', 'sha256:x', ['DIGEST_INVALID']],
  ['of an unknown algorithm', `md5:${'a'.repeat(32)}`, ['DIGEST_INVALID']],
  ['in capitals', missingDigest().toUpperCase(), ['DIGEST_INVALID']],
  ['that is empty', '', ['DIGEST_INVALID']],
])('one POST with a digest %s is refused and nothing is stored', async (_, digest, codes) => {
  const [name, bytes] = [freshName(), freshBytes(100)]
  const reply = await call('POST', `/v2/${name}/blobs/uploads/?digest=${digest}`, { body: bytes })
  expect({ status: reply.status, codes: reply.codes }).toEqual({ status: 400, codes })
  expect((await call('GET', `/v2/${name}/blobs/${digestOf(bytes)}`)).status).toBe(404)
})

test.each([
  ['of other bytes', missingDigest()],
  ['with no hash', 'sha256:x'],
  ['of an unknown algorithm', `md5:${'a'.repeat(32)}`],
  ['that is empty', ''],
])('a PUT with a digest %s is refused and nothing is stored', async (_, digest) => {
  const [name, bytes] = [freshName(), freshBytes(100)]
  const { status, codes } = await put(await begin(name), digest, bytes)
  expect({ status, codes }).toEqual({ status: 400, codes: ['DIGEST_INVALID'] })
  expect((await call('GET', `/v2/${name}/blobs/${digestOf(bytes)}`)).status).toBe(404)
})

test('a PUT without a digest is refused with 400', async () => {
  const { status, codes } = await call('PUT', await begin(freshName()), { body: freshBytes(10) })
  expect(status).toBe(400)
  expect(codes).toEqual([expect.stringMatching(/^(DIGEST|BLOB_UPLOAD)_INVALID$/)])
})

test('a PUT with the wrong digest discards the upload', async () => {
  const [name, bytes] = [freshName(), freshBytes(100)]
  const location = await begin(name)
  expect((await put(location, missingDigest(), bytes)).status).toBe(400)
  expect((await call('GET', location)).status).toBe(404)
  expect((await put(location, digestOf(bytes), bytes)).status).toBe(404)
})

test('a digest in a PUT may be percent-encoded', async () => {
  const [name, bytes] = [freshName(), freshBytes(100)]
  const encoded = digestOf(bytes).replace(':', '%3A')
  await expectPushed(name, bytes, await put(await begin(name), encoded, bytes))
})

test('the whole blob in one PATCH, then an empty PUT', async () => {
  const [name, bytes] = [freshName(), freshBytes(1_000)]
  const patched = await patch(await begin(name), bytes, '0-999')
  expect([patched.status, patched.headers.get('range')]).toEqual([202, '0-999'])
  await expectPushed(name, bytes, await put(locationOf(patched), digestOf(bytes)))
})

test('a blob in three chunks, then an empty PUT without a content type', async () => {
  const [name, bytes] = [freshName(), freshBytes(300)]
  let location = await begin(name)
  for (const from of [0, 100, 200]) {
    const range = `${from}-${from + 99}`
    const reply = await patch(location, bytes.slice(from, from + 100), range)
    expect([reply.status, reply.headers.get('range')]).toEqual([202, `0-${from + 99}`])
    location = locationOf(reply)
  }
  await expectPushed(name, bytes, await put(location, digestOf(bytes)))
})

test('the last chunk may come with the PUT', async () => {
  const [name, bytes] = [freshName(), freshBytes(300)]
  const patched = await patch(await begin(name), bytes.slice(0, 200), '0-199')
  const reply = await put(locationOf(patched), digestOf(bytes), bytes.slice(200), '200-299')
  await expectPushed(name, bytes, reply)
})

test('a chunk may say its range as HTTP does', async () => {
  const [name, bytes] = [freshName(), freshBytes(100)]
  const patched = await patch(await begin(name), bytes, 'bytes 0-99/*')
  expect([patched.status, patched.headers.get('range')]).toEqual([202, '0-99'])
})

test('a PATCH without a range appends', async () => {
  const [name, bytes] = [freshName(), freshBytes(300)]
  let location = await begin(name)
  for (const from of [0, 150]) {
    const reply = await patch(location, bytes.slice(from, from + 150))
    expect([reply.status, reply.headers.get('range')]).toEqual([202, `0-${from + 149}`])
    location = locationOf(reply)
  }
  await expectPushed(name, bytes, await put(location, digestOf(bytes)))
})

test('a PATCH of unknown length is taken as podman sends it', async () => {
  const [name, bytes] = [freshName(), freshBytes(3 << 20)]
  let at = 0
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (at >= bytes.length) return controller.close()
      controller.enqueue(bytes.slice(at, at + 100_000))
      at += 100_000
    },
  })
  const patched = await call('PATCH', await begin(name), { body })
  expect([patched.status, patched.headers.get('range')]).toEqual([202, `0-${bytes.length - 1}`])
  await expectPushed(name, bytes, await put(locationOf(patched), digestOf(bytes)))
})

test.each([
  ['leaves a hole', '200-299'],
  ['begins before the end of what is there', '50-149'],
  ['repeats what is there', '0-99'],
])('a chunk that %s is refused with 416 and the upload goes on', async (_, range) => {
  const [name, bytes] = [freshName(), freshBytes(200)]
  const first = await patch(await begin(name), bytes.slice(0, 100), '0-99')
  const location = locationOf(first)
  const refused = await patch(location, freshBytes(100), range)
  expect(refused.status).toBe(416)
  const state = await call('GET', location)
  expect([state.status, state.headers.get('range')]).toEqual([204, '0-99'])
  const second = await patch(locationOf(state), bytes.slice(100), '100-199')
  await expectPushed(name, bytes, await put(locationOf(second), digestOf(bytes)))
})

test('a first chunk that does not begin at 0 is refused with 416', async () => {
  const [name, bytes] = [freshName(), freshBytes(100)]
  const location = await begin(name)
  expect((await patch(location, bytes, '100-199')).status).toBe(416)
  const patched = await patch(location, bytes, '0-99')
  await expectPushed(name, bytes, await put(locationOf(patched), digestOf(bytes)))
})

test('a refused chunk says where the upload stands', async () => {
  const patched = await patch(await begin(freshName()), freshBytes(100), '0-99')
  const refused = await patch(locationOf(patched), freshBytes(100), '500-599')
  expect([refused.status, refused.headers.get('range')]).toEqual([416, '0-99'])
  expect(locationOf(refused)).toContain('/blobs/uploads/')
})

test('a last chunk out of order in the PUT is refused with 416 and the upload goes on', async () => {
  const [name, bytes] = [freshName(), freshBytes(300)]
  const patched = await patch(await begin(name), bytes.slice(0, 100), '0-99')
  const location = locationOf(patched)
  const refused = await put(location, digestOf(bytes), bytes.slice(200), '200-299')
  expect(refused.status).toBe(416)
  const state = await call('GET', location)
  expect([state.status, state.headers.get('range')]).toEqual([204, '0-99'])
  const reply = await put(locationOf(state), digestOf(bytes), bytes.slice(100), '100-299')
  await expectPushed(name, bytes, reply)
})

test.each(['99-0', 'x-y', '-', '0', 'bytes', '0-99-199', '-5-10', '0-99999999999999999999'])(
  'a chunk with the range %s is refused and adds nothing',
  async (range) => {
    const location = await begin(freshName())
    expect([400, 416]).toContain((await patch(location, freshBytes(100), range)).status)
    const state = await call('GET', location)
    expect([state.status, state.headers.get('range')]).toEqual([204, '0-0'])
  },
)

test.each([
  ['shorter', '0-199'],
  ['longer', '0-49'],
])('a chunk %s than its range is refused with 400', async (_, range) => {
  const location = await begin(freshName())
  expect((await patch(location, freshBytes(100), range)).status).toBe(400)
})

test('an upload tells how far it is', async () => {
  const location = await begin(freshName())
  const fresh = await call('GET', location)
  expect([fresh.status, fresh.headers.get('range')]).toEqual([204, '0-0'])
  const patched = await patch(location, freshBytes(1_234))
  for (const method of ['GET', 'HEAD']) {
    const state = await call(method, locationOf(patched))
    expect([state.status, state.headers.get('range')]).toEqual([204, '0-1233'])
    expect(locationOf(state)).toContain('/blobs/uploads/')
  }
})

test('an upload tells no bytes and one byte apart', async () => {
  const location = await begin(freshName())
  const offset = async () => (await call('GET', location)).headers.get('upload-offset')
  expect(await offset()).toBe('0')
  await patch(location, freshBytes(1))
  expect(await offset()).toBe('1')
})

test('an upload names its id with each answer', async () => {
  const location = await begin(freshName())
  const state = await call('GET', location)
  const id = state.headers.get('docker-upload-uuid') ?? 'none'
  expect(location).toContain(id)
  expect((await patch(location, freshBytes(10))).headers.get('docker-upload-uuid')).toBe(id)
})

test('a stale Location still tells how far the upload is, and takes the next chunk', async () => {
  const [name, bytes] = [freshName(), freshBytes(300)]
  const first = await begin(name)
  await patch(first, bytes.slice(0, 100), '0-99')
  const state = await call('GET', first)
  expect([state.status, state.headers.get('range')]).toEqual([204, '0-99'])
  expect((await patch(first, bytes.slice(100, 200), '100-199')).status).toBe(202)
  await expectPushed(name, bytes, await put(first, digestOf(bytes), bytes.slice(200)))
})

test('a left-over digest in the query of a GET is nothing to an upload', async () => {
  const location = await begin(freshName())
  await patch(location, freshBytes(100))
  const state = await call('GET', withQuery(location, `digest=${missingDigest()}`))
  expect([state.status, state.headers.get('range')]).toEqual([204, '0-99'])
})

test('an upload is canceled by DELETE and gone then', async () => {
  const location = await begin(freshName())
  await patch(location, freshBytes(100))
  expect((await call('DELETE', location)).status).toBe(204)
  for (const method of ['GET', 'DELETE', 'PATCH', 'PUT']) {
    const url = method === 'PUT' ? withQuery(location, `digest=${missingDigest()}`) : location
    expect([method, (await call(method, url)).status]).toEqual([method, 404])
  }
})

test.each(['GET', 'PATCH', 'PUT', 'DELETE'])(
  '%s of an upload that never was is BLOB_UPLOAD_UNKNOWN',
  async (method) => {
    const name = freshName()
    await pushBlob(name, freshBytes())
    const url = `/v2/${name}/blobs/uploads/0198a6f0-aaaa-7bbb-8ccc-0123456789ab`
    const query = method === 'PUT' ? `?digest=${missingDigest()}` : ''
    const { status, codes } = await call(method, `${url}${query}`)
    expect({ status, codes }).toEqual({ status: 404, codes: ['BLOB_UPLOAD_UNKNOWN'] })
  },
)

test.each(['x', '..%2f..%2fetc', '%00', 'a'.repeat(3_000), "'--"])(
  'an upload by the id %s is not found and no fault',
  async (id) => {
    const { status } = await call('GET', `/v2/${freshName()}/blobs/uploads/${id}`)
    expect([400, 404]).toContain(status)
  },
)

test('an upload is found only in its own repository', async () => {
  const [mine, other] = [freshName(), freshName()]
  await pushBlob(other, freshBytes())
  const location = await begin(mine)
  const moved = location.replace(mine, other)
  expect((await call('GET', moved)).status).toBe(404)
  expect((await patch(moved, freshBytes(10))).status).toBe(404)
  expect((await call('GET', location)).status).toBe(204)
})

test('after its PUT an upload is gone and the blob stays', async () => {
  const [name, bytes] = [freshName(), freshBytes(100)]
  const location = await begin(name)
  const reply = await put(location, digestOf(bytes), bytes)
  for (const method of ['GET', 'PATCH', 'DELETE']) {
    expect([method, (await call(method, location)).status]).toEqual([method, 404])
  }
  expect((await put(location, digestOf(bytes), bytes)).status).toBe(404)
  await expectPushed(name, bytes, reply)
})

test('two writers at once do not mix their bytes', async () => {
  const [name, bytes] = [freshName(), freshBytes(4 << 20)]
  const location = await begin(name)
  const range = `0-${bytes.length - 1}`
  const both = await Promise.all([patch(location, bytes, range), patch(location, bytes, range)])
  const statuses = both.map(({ status }) => status).sort()
  expect(statuses[0]).toBe(202)
  expect([409, 416]).toContain(Number(statuses[1]))
  await expectPushed(name, bytes, await put(location, digestOf(bytes)))
})

test('what arrived before the connection broke is kept, and the upload goes on from there', async () => {
  const [name, bytes] = [freshName(), freshBytes(1 << 20)]
  const location = await begin(name)
  const path = new URL(location, registry.origin)
  const cut = await exchange(registry, {
    head: [
      `PATCH ${path.pathname}${path.search} HTTP/1.1`,
      `Content-Length: ${bytes.length}`,
      'Content-Type: application/octet-stream',
    ],
    body: bytes.subarray(0, 300_000),
    cutAfterMs: 100,
  })
  expect(cut).toBeUndefined()
  const stored = async () => {
    const state = await call('GET', location)
    return Number(state.headers.get('range')?.slice(2)) + 1
  }
  const deadline = performance.now() + 5_000
  while ((await stored()) < 300_000 && performance.now() < deadline) await Bun.sleep(10)
  const offset = await stored()
  expect(offset).toBe(300_000)
  const rest = await patch(location, bytes.slice(offset), `${offset}-${bytes.length - 1}`)
  expect(rest.status).toBe(202)
  await expectPushed(name, bytes, await put(locationOf(rest), digestOf(bytes)))
})

test('a blob that is there already is pushed again without harm', async () => {
  const [name, bytes] = [freshName(), freshBytes(100)]
  await pushBlob(name, bytes)
  await expectPushed(name, bytes, await put(await begin(name), digestOf(bytes), bytes))
})

test('ten pushes of one blob at the same time all succeed', async () => {
  const [name, bytes] = [freshName(), freshBytes(200_000)]
  const all = await Promise.all(Array.from({ length: 10 }, () => pushBlob(name, bytes)))
  expect(new Set(all)).toEqual(new Set([digestOf(bytes)]))
  expect((await call('GET', `/v2/${name}/blobs/${digestOf(bytes)}`)).bytes()).toHaveLength(200_000)
})

test('a large blob comes in by many chunks', async () => {
  const [name, bytes] = [freshName(), freshBytes(16 << 20)]
  let location = await begin(name)
  for (let from = 0; from < bytes.length; from += 1 << 20) {
    const end = from + (1 << 20)
    const reply = await patch(location, bytes.slice(from, end), `${from}-${end - 1}`)
    expect(reply.status).toBe(202)
    location = locationOf(reply)
  }
  await expectPushed(name, bytes, await put(location, digestOf(bytes)))
})

test('a chunk size that the registry asks for is a number', async () => {
  const reply = await call('POST', `/v2/${freshName()}/blobs/uploads/`)
  expect(reply.headers.get('oci-chunk-min-length') ?? '1').toMatch(/^\d+$/)
})

test('an upload alone makes no repository that others can list', async () => {
  const name = freshName()
  await begin(name)
  expect([200, 404]).toContain((await call('GET', `/v2/${name}/tags/list`)).status)
})

test('a PATCH to where uploads begin is refused and no fault', async () => {
  const { status } = await call('PATCH', `/v2/${freshName()}/blobs/uploads/`, {
    body: textBytes('x'),
  })
  expect([400, 404, 405]).toContain(status)
})

test('every answer about uploads has the form that OCI asks for', () => {
  expect(oddities.found).toEqual([])
})
