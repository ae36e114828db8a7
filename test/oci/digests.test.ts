// SPDX-License-Identifier: AGPL-3.0-or-later
/** Section 1.5, and end-4c: sha512 beside sha256. */
import { expect, test } from 'bun:test'
import {
  artifactOf,
  descriptor,
  digestOf,
  EMPTY_JSON,
  freshBytes,
  indexOf,
  jsonBytes,
  missingDigest,
  TYPES,
} from './content.ts'
import { oddities } from './oddities.ts'
import { freshName, useRegistry, withQuery } from './registry.ts'

const registry = useRegistry()
const { call, begin, pushBlob, pushImage, putManifest } = registry

const sha512 = (bytes: Uint8Array) => digestOf(bytes, 'sha512')
const locationOf = ({ headers }: { headers: Headers }) => headers.get('location') ?? ''

test('a blob pushed as sha512 is named sha512', async () => {
  const [name, bytes] = [freshName(), freshBytes(1_000)]
  const reply = await call('PUT', withQuery(await begin(name), `digest=${sha512(bytes)}`), {
    body: bytes,
  })
  expect(reply.status).toBe(201)
  expect(locationOf(reply)).toContain(sha512(bytes))
  for (const method of ['GET', 'HEAD']) {
    const got = await call(method, `/v2/${name}/blobs/${sha512(bytes)}`)
    expect([got.status, got.headers.get('docker-content-digest')]).toEqual([200, sha512(bytes)])
    expect(got.headers.get('content-length')).toBe('1000')
  }
})

test('a blob pushed as sha512 by one POST', async () => {
  const [name, bytes] = [freshName(), freshBytes(1_000)]
  const url = `/v2/${name}/blobs/uploads/?digest=${sha512(bytes)}`
  expect((await call('POST', url, { body: bytes })).status).toBe(201)
  expect((await call('HEAD', `/v2/${name}/blobs/${sha512(bytes)}`)).status).toBe(200)
})

test.each([
  ['announced', '?digest-algorithm=sha512'],
  ['not announced', ''],
])('a blob in chunks as sha512, %s at the beginning', async (_, query) => {
  const [name, bytes] = [freshName(), freshBytes(300)]
  let location = await begin(name, query)
  for (const from of [0, 100, 200]) {
    const reply = await call('PATCH', location, {
      body: bytes.slice(from, from + 100),
      headers: { 'Content-Range': `${from}-${from + 99}` },
    })
    expect(reply.status).toBe(202)
    location = locationOf(reply)
  }
  const reply = await call('PUT', withQuery(location, `digest=${sha512(bytes)}`))
  expect(reply.status).toBe(201)
  const got = await call('GET', `/v2/${name}/blobs/${sha512(bytes)}`)
  expect(got.digest).toBe(digestOf(bytes))
})

test('a blob announced as sha512 may end as sha256', async () => {
  const [name, bytes] = [freshName(), freshBytes(100)]
  const location = await begin(name, '?digest-algorithm=sha512')
  await call('PATCH', location, { body: bytes })
  const { status } = await call('PUT', withQuery(location, `digest=${digestOf(bytes)}`))
  expect(status).toBe(201)
})

test.each(['md5', 'sha999', '', 'SHA512', '..'])(
  'an upload announced as %p is refused with 400',
  async (algorithm) => {
    const url = `/v2/${freshName()}/blobs/uploads/?digest-algorithm=${algorithm}`
    const { status, codes } = await call('POST', url)
    expect({ status, codes }).toEqual({ status: 400, codes: ['DIGEST_INVALID'] })
  },
)

test('a wrong sha512 is refused', async () => {
  const [name, bytes] = [freshName(), freshBytes(100)]
  const url = withQuery(await begin(name), `digest=${missingDigest('sha512')}`)
  const { status, codes } = await call('PUT', url, { body: bytes })
  expect({ status, codes }).toEqual({ status: 400, codes: ['DIGEST_INVALID'] })
})

test('the same bytes under two algorithms are two blobs', async () => {
  const [name, bytes] = [freshName(), freshBytes(100)]
  await pushBlob(name, bytes, 'sha512')
  expect((await call('HEAD', `/v2/${name}/blobs/${digestOf(bytes)}`)).status).toBe(404)
  await pushBlob(name, bytes)
  expect((await call('DELETE', `/v2/${name}/blobs/${sha512(bytes)}`)).status).toBe(202)
  expect((await call('HEAD', `/v2/${name}/blobs/${sha512(bytes)}`)).status).toBe(404)
  const rest = await call('GET', `/v2/${name}/blobs/${digestOf(bytes)}`)
  expect(rest).toMatchObject({ status: 200, digest: digestOf(bytes) })
})

test('ranges of a sha512 blob are as of others', async () => {
  const [name, bytes] = [freshName(), freshBytes(1_000)]
  await pushBlob(name, bytes, 'sha512')
  const got = await call('GET', `/v2/${name}/blobs/${sha512(bytes)}`, {
    headers: { Range: 'bytes=100-199' },
  })
  expect([got.status, got.digest]).toEqual([206, digestOf(bytes.subarray(100, 200))])
})

test('a sha512 blob is mounted from another repository', async () => {
  const [from, to, bytes] = [freshName(), freshName(), freshBytes()]
  await pushBlob(from, bytes, 'sha512')
  const url = `/v2/${to}/blobs/uploads/?mount=${sha512(bytes)}&from=${from}`
  const reply = await call('POST', url)
  expect(reply.status).toBe(201)
  expect((await call('GET', locationOf(reply))).digest).toBe(digestOf(bytes))
})

test('an image all of sha512 is pushed, read, listed and deleted', async () => {
  const name = freshName()
  const { digest, bytes } = await pushImage(name, { algorithm: 'sha512' })
  const path = `/v2/${name}/manifests/${digest}`
  const got = await call('GET', path)
  expect(got).toMatchObject({ status: 200, digest: digestOf(bytes) })
  expect(got.headers.get('docker-content-digest')).toBe(digest)
  expect((await call('DELETE', path)).status).toBe(202)
  expect((await call('HEAD', path)).status).toBe(404)
})

test('a sha512 manifest whose bytes differ is refused', async () => {
  const name = freshName()
  await pushBlob(name, EMPTY_JSON)
  const { status } = await putManifest(name, missingDigest('sha512'), artifactOf('application/x'))
  expect(status).toBe(400)
})

test('a sha256 image may point at sha512 blobs and the other way round', async () => {
  const name = freshName()
  const [config, layer] = [jsonBytes({ x: Bun.randomUUIDv7() }), freshBytes()]
  await pushBlob(name, config)
  await pushBlob(name, layer, 'sha512')
  const bytes = jsonBytes({
    schemaVersion: 2,
    mediaType: TYPES.image,
    config: descriptor(TYPES.config, config),
    layers: [descriptor(TYPES.layer, layer, 'sha512')],
  })
  for (const reference of ['mixed', digestOf(bytes), sha512(bytes)]) {
    expect((await putManifest(name, reference, bytes)).status).toBe(201)
    expect((await call('GET', `/v2/${name}/manifests/${reference}`)).status).toBe(200)
  }
})

test('an index may list a sha512 image', async () => {
  const name = freshName()
  const image = await pushImage(name, { algorithm: 'sha512' })
  const index = indexOf([descriptor(TYPES.image, image.bytes, 'sha512')])
  expect((await putManifest(name, 'v1', index)).status).toBe(201)
})

test('referrers of a sha512 subject are listed under it', async () => {
  const name = freshName()
  const image = await pushImage(name, { algorithm: 'sha512' })
  await pushBlob(name, EMPTY_JSON)
  const subject = descriptor(TYPES.image, image.bytes, 'sha512')
  const artifact = jsonBytes(artifactOf('application/vnd.example.sig', { subject }))
  const reply = await putManifest(name, sha512(artifact), artifact)
  expect([reply.status, reply.headers.get('oci-subject')]).toEqual([201, image.digest])
  const list = await call('GET', `/v2/${name}/referrers/${image.digest}`)
  expect(list.json.manifests).toMatchObject([{ digest: sha512(artifact), size: artifact.length }])
})

test('every answer about digests has the form that OCI asks for', () => {
  expect(oddities.found).toEqual([])
})
