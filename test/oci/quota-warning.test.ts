// SPDX-License-Identifier: AGPL-3.0-or-later
/** Section 1.1, Warning headers: what podman, oras and containerd print. */
import { expect, test } from 'bun:test'
import { freshBytes } from './content.ts'
import { oddities } from './oddities.ts'
import { freshName, useRegistry } from './registry.ts'

const registry = useRegistry()
const { call, pushBlob, pushImage } = registry

test('a quota that is nearly used is told by a Warning in the form that clients read', async () => {
  const name = freshName('full')
  await pushImage(name, { tag: 'v1' })
  expect((await call('GET', `/v2/${name}/manifests/v1`)).headers.has('warning')).toBe(false)
  await pushBlob(name, freshBytes(95_000))
  const quotas = [{ repositories: name, limit_bytes: 100_000 }]
  const { status } = (await registry.running?.send('PUT', '/api/v1/oci/quota', { quotas })) ?? {}
  expect(status).toBe(200)
  for (const method of ['GET', 'HEAD']) {
    const { headers } = await call(method, `/v2/${name}/manifests/v1`)
    const warning = headers.get('warning') ?? ''
    // No date behind the text: docker and podman read none.
    expect(warning).toMatch(/^299 - "[^"]+"$/)
    expect(warning).toContain('quota')
    expect(warning.length).toBeLessThanOrEqual(4_096)
  }
})

test('a push over the quota is DENIED and stores nothing', async () => {
  const name = freshName('over')
  await pushBlob(name, freshBytes(1_000))
  const quotas = [{ repositories: name, limit_bytes: 50_000 }]
  await registry.running?.send('PUT', '/api/v1/oci/quota', { quotas })
  const bytes = freshBytes(80_000)
  const begun = await call('POST', `/v2/${name}/blobs/uploads/`)
  const location = begun.headers.get('location') ?? ''
  const digest = `sha256:${new Bun.CryptoHasher('sha256').update(bytes).digest('hex')}`
  const reply = await call('PUT', `${location}?digest=${digest}`, { body: bytes })
  expect([reply.status, reply.codes]).toEqual([403, ['DENIED']])
  expect((await call('HEAD', `/v2/${name}/blobs/${digest}`)).status).toBe(404)
})

test('a push in pieces that says how much will come is DENIED before its first byte', async () => {
  const name = freshName('pieces')
  const quotas = [{ repositories: name, limit_bytes: 50_000 }]
  await registry.running?.send('PUT', '/api/v1/oci/quota', { quotas })
  const begin = (length: string) =>
    call('POST', `/v2/${name}/blobs/uploads/`, { headers: { 'Upload-Length': length } })
  const refused = await begin('50001')
  expect([refused.status, refused.codes]).toEqual([403, ['DENIED']])
  for (const length of ['50000', 'many', '']) expect((await begin(length)).status).toBe(202)
})

test('small pushes at once never go beyond the quota together, and the same again needs no room', async () => {
  const name = freshName('at-once')
  const quotas = [{ repositories: name, limit_bytes: 10_000 }]
  await registry.running?.send('PUT', '/api/v1/oci/quota', { quotas })
  const all = Array.from({ length: 20 }, () => freshBytes(1_000))
  const push = async (bytes: Uint8Array<ArrayBuffer>) => {
    const digest = `sha256:${new Bun.CryptoHasher('sha256').update(bytes).digest('hex')}`
    const path = `/v2/${name}/blobs/uploads/?digest=${digest}`
    const { status } = await call('POST', path, { body: bytes })
    return { status, bytes }
  }
  const ends = await Promise.all(all.map(push))
  const taken = ends.filter(({ status }) => status === 201)
  expect(taken).toHaveLength(10)
  expect(ends.filter(({ status }) => status === 403)).toHaveLength(10)
  for (const { bytes } of taken) expect((await push(bytes)).status).toBe(201)
})

test('every answer about quotas has the form that OCI asks for', () => {
  expect(oddities.found).toEqual([])
})
