// SPDX-License-Identifier: AGPL-3.0-or-later
/** Section 1.2 end-9 and end-10: what goes, what stays. */
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
import { freshName, type Pushed, useRegistry } from './registry.ts'

const registry = useRegistry()
const { call, pushBlob, pushImage, putManifest } = registry

const at = (name: string, reference: string) => `/v2/${name}/manifests/${reference}`
const tagsOf = async (name: string) => (await call('GET', `/v2/${name}/tags/list`)).json?.tags ?? []
const layersOf = ({ json }: Pushed) =>
  (json['layers'] as readonly { digest: string }[]).map(({ digest }) => digest)

test('deleting a tag removes that tag alone', async () => {
  const name = freshName()
  const { bytes, type, digest } = await pushImage(name, { tag: 'a' })
  await putManifest(name, 'b', bytes, type)
  expect((await call('DELETE', at(name, 'a'))).status).toBe(202)
  expect(await tagsOf(name)).toEqual(['b'])
  expect((await call('GET', at(name, 'a'))).status).toBe(404)
  for (const reference of ['b', digest]) {
    expect((await call('HEAD', at(name, reference))).status).toBe(200)
  }
})

test('deleting the last tag leaves the manifest by its digest', async () => {
  const name = freshName()
  const { digest } = await pushImage(name, { tag: 'a' })
  expect((await call('DELETE', at(name, 'a'))).status).toBe(202)
  expect((await call('GET', at(name, digest))).status).toBe(200)
})

test('deleting by digest removes the manifest and every tag to it, at once', async () => {
  const name = freshName()
  const { bytes, type, digest } = await pushImage(name, { tag: 'a' })
  await putManifest(name, 'b', bytes, type)
  const other = await pushImage(name, { tag: 'c' })
  expect((await call('DELETE', at(name, digest))).status).toBe(202)
  for (const reference of ['a', 'b', digest]) {
    expect((await call('HEAD', at(name, reference))).status).toBe(404)
    expect((await call('GET', at(name, reference))).status).toBe(404)
  }
  expect(await tagsOf(name)).toEqual(['c'])
  expect((await call('GET', at(name, other.digest))).status).toBe(200)
})

test('a deleted manifest stays in other repositories', async () => {
  const [name, other] = [freshName(), freshName()]
  const image = await pushImage(name, { tag: 'a' })
  for (const digest of [...layersOf(image), (image.json['config'] as { digest: string }).digest]) {
    await call('POST', `/v2/${other}/blobs/uploads/?mount=${digest}&from=${name}`)
  }
  expect((await putManifest(other, 'a', image.bytes, image.type)).status).toBe(201)
  expect((await call('DELETE', at(name, image.digest))).status).toBe(202)
  expect((await call('GET', at(other, 'a'))).digest).toBe(image.digest)
})

test.each([
  ['tag', 'missing'],
  ['digest', missingDigest()],
])('deleting a %s that is not there is MANIFEST_UNKNOWN', async (_, reference) => {
  const name = freshName()
  await pushImage(name)
  const { status, codes } = await call('DELETE', at(name, reference))
  expect({ status, codes }).toEqual({ status: 404, codes: ['MANIFEST_UNKNOWN'] })
})

test('deleting twice is not found the second time', async () => {
  const name = freshName()
  const { digest } = await pushImage(name)
  expect((await call('DELETE', at(name, digest))).status).toBe(202)
  expect((await call('DELETE', at(name, digest))).status).toBe(404)
})

test('deleting in a repository that is not there is not found', async () => {
  expect((await call('DELETE', at(freshName(), 'v1'))).status).toBe(404)
  expect((await call('DELETE', `/v2/${freshName()}/blobs/${missingDigest()}`)).status).toBe(404)
})

test('a manifest that was deleted can be pushed again', async () => {
  const name = freshName()
  const { bytes, type, digest } = await pushImage(name, { tag: 'a' })
  await call('DELETE', at(name, digest))
  expect((await putManifest(name, 'a', bytes, type)).status).toBe(201)
  expect((await call('GET', at(name, 'a'))).digest).toBe(digest)
})

test('the images of a deleted index stay', async () => {
  const name = freshName()
  const image = await pushImage(name)
  const index = jsonBytes(indexOf([descriptor(TYPES.image, image.bytes)]))
  await putManifest(name, 'v1', index, TYPES.index)
  expect((await call('DELETE', at(name, digestOf(index)))).status).toBe(202)
  expect((await call('GET', at(name, image.digest))).status).toBe(200)
})

test('a blob is deleted from its repository alone', async () => {
  const [name, other, bytes] = [freshName(), freshName(), freshBytes()]
  const digest = await pushBlob(name, bytes)
  await pushBlob(other, bytes)
  expect((await call('DELETE', `/v2/${name}/blobs/${digest}`)).status).toBe(202)
  for (const method of ['HEAD', 'GET', 'DELETE']) {
    expect((await call(method, `/v2/${name}/blobs/${digest}`)).status).toBe(404)
  }
  expect((await call('GET', `/v2/${other}/blobs/${digest}`)).digest).toBe(digest)
})

test('a blob that is not there is BLOB_UNKNOWN to a DELETE', async () => {
  const name = freshName()
  await pushBlob(name, freshBytes())
  const { status, codes } = await call('DELETE', `/v2/${name}/blobs/${missingDigest()}`)
  expect({ status, codes }).toEqual({ status: 404, codes: ['BLOB_UNKNOWN'] })
})

test('a blob that a manifest needs is deleted or refused with 405, nothing else', async () => {
  const name = freshName()
  const image = await pushImage(name, { tag: 'a' })
  const [layer = ''] = layersOf(image)
  const { status } = await call('DELETE', `/v2/${name}/blobs/${layer}`)
  expect([202, 405]).toContain(status)
  const head = await call('HEAD', `/v2/${name}/blobs/${layer}`)
  expect(head.status).toBe(status === 202 ? 404 : 200)
})

test('the blobs of a deleted manifest can be deleted', async () => {
  const name = freshName()
  const image = await pushImage(name, { tag: 'a' })
  await call('DELETE', at(name, image.digest))
  for (const digest of layersOf(image)) {
    expect((await call('DELETE', `/v2/${name}/blobs/${digest}`)).status).toBe(202)
  }
})

test('a deleted blob can be pushed again', async () => {
  const [name, bytes] = [freshName(), freshBytes()]
  const path = `/v2/${name}/blobs/${await pushBlob(name, bytes)}`
  await call('DELETE', path)
  await pushBlob(name, bytes)
  expect((await call('GET', path)).digest).toBe(digestOf(bytes))
})

test('a deleted referrer is listed no longer, and the subject stays', async () => {
  const name = freshName()
  const image = await pushImage(name)
  await pushBlob(name, EMPTY_JSON)
  const subject = descriptor(TYPES.image, image.bytes)
  const artifact = jsonBytes(artifactOf('application/vnd.example.sig', { subject }))
  await putManifest(name, digestOf(artifact), artifact)
  expect((await call('DELETE', at(name, digestOf(artifact)))).status).toBe(202)
  expect((await call('GET', `/v2/${name}/referrers/${image.digest}`)).json.manifests).toEqual([])
  expect((await call('GET', at(name, image.digest))).status).toBe(200)
})

test('of ten deletes of one manifest at the same time one succeeds', async () => {
  const name = freshName()
  const { digest } = await pushImage(name)
  const all = await Promise.all(Array.from({ length: 10 }, () => call('DELETE', at(name, digest))))
  const statuses = all.map(({ status }) => status)
  expect(statuses.filter((status) => status === 202)).toHaveLength(1)
  expect(statuses.filter((status) => status === 404)).toHaveLength(9)
})

test.each([
  ['PATCH', 'manifests/v1'],
  ['POST', 'manifests/v1'],
  ['PUT', 'tags/list'],
  ['DELETE', 'tags/list'],
  ['POST', `blobs/sha256:${'a'.repeat(64)}`],
  ['PUT', `blobs/sha256:${'a'.repeat(64)}`],
  ['POST', `referrers/sha256:${'a'.repeat(64)}`],
])('%s of %s is refused with 405 UNSUPPORTED', async (method, path) => {
  const name = freshName()
  await pushImage(name, { tag: 'v1' })
  const { status, codes } = await call(method, `/v2/${name}/${path}`)
  expect({ status, codes }).toEqual({ status: 405, codes: ['UNSUPPORTED'] })
})

test('every answer about deletes has the form that OCI asks for', () => {
  expect(oddities.found).toEqual([])
})
