// SPDX-License-Identifier: AGPL-3.0-or-later
/** Section 1.2 end-11: a blob that is here already need not be sent again. */
import { expect, test } from 'bun:test'
import { digestOf, freshBytes, missingDigest } from './content.ts'
import { oddities } from './oddities.ts'
import { freshName, useRegistry, withQuery } from './registry.ts'

const registry = useRegistry()
const { call, pushBlob } = registry

const mount = (to: string, digest: string, more = '') =>
  call('POST', `/v2/${to}/blobs/uploads/?mount=${digest}${more}`)

test('a blob is mounted from a named repository', async () => {
  const [from, to, bytes] = [freshName(), freshName(), freshBytes()]
  const digest = await pushBlob(from, bytes)
  const reply = await mount(to, digest, `&from=${from}`)
  expect(reply.status).toBe(201)
  expect(reply.headers.get('docker-content-digest')).toBe(digest)
  const location = reply.headers.get('location') ?? ''
  expect(location).toContain(`/v2/${to}/blobs/${digest}`)
  expect(await call('GET', location)).toMatchObject({ status: 200, digest })
})

test('a blob is mounted without a name of where it is', async () => {
  const [to, bytes] = [freshName(), freshBytes()]
  const digest = await pushBlob(freshName(), bytes)
  const reply = await mount(to, digest)
  expect(reply.status).toBe(201)
  expect((await call('HEAD', `/v2/${to}/blobs/${digest}`)).status).toBe(200)
})

test('crane names an origin beside, which does no harm', async () => {
  const [from, to] = [freshName(), freshName()]
  const digest = await pushBlob(from, freshBytes())
  const reply = await mount(to, digest, `&from=${from}&origin=registry.example`)
  expect(reply.status).toBe(201)
})

test('a blob that is in the repository already is mounted', async () => {
  const name = freshName()
  const digest = await pushBlob(name, freshBytes())
  expect((await mount(name, digest, `&from=${name}`)).status).toBe(201)
})

test.each([
  ['a blob that is nowhere', () => missingDigest()],
  ['a blob by sha512 that is nowhere', () => missingDigest('sha512')],
])('%s is not mounted, and the upload that begins takes it', async (_, make) => {
  const to = freshName()
  const from = freshName()
  await pushBlob(from, freshBytes())
  const reply = await mount(to, make(), `&from=${from}`)
  expect(reply.status).toBe(202)
  const bytes = freshBytes()
  const location = reply.headers.get('location') ?? ''
  const put = await call('PUT', withQuery(location, `digest=${digestOf(bytes)}`), { body: bytes })
  expect(put.status).toBe(201)
})

test('a blob that is nowhere is not mounted without from either', async () => {
  const reply = await mount(freshName(), missingDigest())
  expect(reply.status).toBe(202)
  expect(reply.headers.get('location')).toContain('/blobs/uploads/')
})

test.each([
  ['does not exist', () => freshName()],
  ['has a bad name', () => 'UPPER'],
  ['is empty', () => ''],
])('a mount from a repository that %s goes on as an upload or a mount', async (_, from) => {
  const to = freshName()
  const reply = await mount(to, missingDigest(), `&from=${from()}`)
  expect(reply.status).toBe(202)
})

test('a mount from a repository that lacks the blob, which another has, is served', async () => {
  const [from, to] = [freshName(), freshName()]
  await pushBlob(from, freshBytes())
  const digest = await pushBlob(freshName(), freshBytes())
  const reply = await mount(to, digest, `&from=${from}`)
  expect([201, 202]).toContain(reply.status)
})

test('a mount by a malformed digest is refused with 400', async () => {
  for (const digest of ['sha256:x', 'x', '']) {
    const { status, codes } = await mount(freshName(), digest, `&from=${freshName()}`)
    expect({ digest, status, codes }).toEqual({ digest, status: 400, codes: ['DIGEST_INVALID'] })
  }
})

test('a mounted blob stays when it is deleted where it came from', async () => {
  const [from, to] = [freshName(), freshName()]
  const digest = await pushBlob(from, freshBytes())
  await mount(to, digest, `&from=${from}`)
  expect((await call('DELETE', `/v2/${from}/blobs/${digest}`)).status).toBe(202)
  expect((await call('HEAD', `/v2/${from}/blobs/${digest}`)).status).toBe(404)
  expect(await call('GET', `/v2/${to}/blobs/${digest}`)).toMatchObject({ status: 200, digest })
})

test('a blob mounted into fifty repositories is there in each', async () => {
  const [from, base] = [freshName(), freshName()]
  const digest = await pushBlob(from, freshBytes(100_000))
  const names = Array.from({ length: 50 }, (_, each) => `${base}/${each}`)
  const all = await Promise.all(names.map((name) => mount(name, digest, `&from=${from}`)))
  expect(new Set(all.map(({ status }) => status))).toEqual(new Set([201]))
  const heads = await Promise.all(names.map((name) => call('HEAD', `/v2/${name}/blobs/${digest}`)))
  expect(new Set(heads.map(({ status }) => status))).toEqual(new Set([200]))
})

test('the session of a mount that failed can be canceled, as podman does', async () => {
  const reply = await mount(freshName(), missingDigest(), `&from=${freshName()}`)
  expect((await call('DELETE', reply.headers.get('location') ?? '')).status).toBe(204)
})

test('every answer about mounts has the form that OCI asks for', () => {
  expect(oddities.found).toEqual([])
})
