// SPDX-License-Identifier: AGPL-3.0-or-later
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type RegistryBed, registryBed } from '../test-bed.ts'
import { type Digest, digestOf, hexOf } from './digest.ts'
import { DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST } from './media-types.ts'

let bed: RegistryBed
beforeAll(async () => {
  bed = await registryBed()
})
afterAll(() => bed[Symbol.asyncDispose]())

const text = (value: unknown) => JSON.stringify(value)
const errorsOf = async (response: Response) =>
  ((await response.json()) as { errors: { code: string; message: string }[] }).errors

test('a manifest comes back byte by byte, with its type and digest', async () => {
  const image = await bed.image('t/bytes', 'a')
  const odd = image.text.replace('{', '{ ')
  const put = await bed.send('PUT', '/v2/t/bytes/manifests/odd', {
    body: odd,
    headers: { 'Content-Type': `${OCI_MANIFEST}; charset=utf-8` },
  })
  expect(put.status).toBe(201)
  for (const reference of ['odd', digestOf(Buffer.from(odd))]) {
    const got = await bed.send('GET', `/v2/t/bytes/manifests/${reference}`)
    expect(await got.text()).toBe(odd)
    expect(got.headers.get('content-type')).toBe(OCI_MANIFEST)
    expect(got.headers.get('docker-content-digest')).toBe(digestOf(Buffer.from(odd)))
    const again = await bed.send('GET', `/v2/t/bytes/manifests/${reference}`, {
      headers: { 'If-None-Match': got.headers.get('etag') ?? '' },
    })
    expect(again.status).toBe(304)
  }
})

test('a manifest whose parts lack is refused with each of them named', async () => {
  const lost = ['x', 'y', 'z'].map((each) => digestOf(Buffer.from(each)))
  const [config, ...layers] = lost.map((digest) => ({ mediaType: 'a/b', digest, size: 1 }))
  const manifest = { schemaVersion: 2, config, layers }
  const put = await bed.putManifest('t/lacks', 'x', text(manifest), OCI_MANIFEST)
  expect(put.status).toBe(400)
  const errors = await errorsOf(put)
  expect(errors.map(({ code }) => code)).toEqual(Array(3).fill('MANIFEST_BLOB_UNKNOWN'))
  for (const digest of lost) expect(text(errors)).toContain(digest)
  expect((await bed.send('GET', '/v2/t/lacks/tags/list')).status).toBe(404)
})

test('an index may lack manifests: a mirror of one platform is no fault', async () => {
  const digest = digestOf(Buffer.from('elsewhere'))
  const index = { schemaVersion: 2, manifests: [{ mediaType: OCI_MANIFEST, digest, size: 9 }] }
  expect((await bed.putManifest('t/sparse', 'x', text(index), OCI_INDEX)).status).toBe(201)
})

test.each([
  { name: 'no JSON', body: 'x', type: OCI_MANIFEST },
  {
    name: 'another mediaType than Content-Type',
    body: text({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [] }),
    type: OCI_MANIFEST,
  },
  {
    name: 'schema 1',
    body: text({ schemaVersion: 1 }),
    type: 'application/vnd.docker.distribution.manifest.v1+json',
  },
  {
    name: 'a digest that is none',
    body: text({
      schemaVersion: 2,
      manifests: [{ mediaType: 'a/b', digest: 'sha256:short', size: 1 }],
    }),
    type: OCI_INDEX,
  },
  {
    name: 'a type nobody knows',
    body: text({ schemaVersion: 2 }),
    type: 'application/vnd.acme+json',
  },
])('a manifest with $name is refused', async ({ body, type }) => {
  const put = await bed.putManifest('t/bad', 'x', body, type)
  expect(put.status).toBe(400)
  expect((await errorsOf(put))[0]?.code).toBe('MANIFEST_INVALID')
})

test('a manifest without any type is told by its shape', async () => {
  const image = await bed.image('t/shape', 'a')
  const put = await bed.send('PUT', '/v2/t/shape/manifests/x', { body: image.text })
  expect(put.status).toBe(201)
  const got = await bed.send('HEAD', '/v2/t/shape/manifests/x')
  expect(got.headers.get('content-type')).toBe(OCI_MANIFEST)
  expect(got.headers.get('content-length')).toBe(String(image.text.length))
})

test('a push by digest sets all tags that it names', async () => {
  const image = await bed.image('t/many', 'a')
  const names = Array.from({ length: 12 }, (_, at) => `v${at}`)
  const query = names.map((name) => `tag=${name}`).join('&')
  const put = await bed.putManifest('t/many', `${image.digest}?${query}`, image.text, OCI_MANIFEST)
  expect(put.headers.get('oci-tag')).toBe(names.join(', '))
  const listed = (await (await bed.send('GET', '/v2/t/many/tags/list')).json()) as {
    tags: string[]
  }
  expect(listed.tags.toSorted()).toEqual([...names, 'a'].toSorted())
})

test('tags come in pages that follow each other to the end', async () => {
  const image = await bed.image('t/pages', 't0')
  for (let at = 1; at < 7; at++)
    await bed.putManifest('t/pages', `t${at}`, image.text, OCI_MANIFEST)
  const seen: string[] = []
  let next: string | undefined = '/v2/t/pages/tags/list?n=3'
  let count = 0
  while (next && count++ < 9) {
    const page = await bed.send('GET', next)
    seen.push(...((await page.json()) as { tags: string[] }).tags)
    next = /<([^>]+)>/.exec(page.headers.get('link') ?? '')?.[1]
  }
  expect(seen).toEqual(['t0', 't1', 't2', 't3', 't4', 't5', 't6'])
  expect(count).toBe(3)
})

test('a deleted tag leaves the manifest; a deleted manifest takes its tags along', async () => {
  const image = await bed.image('t/gone', 'a')
  await bed.putManifest('t/gone', 'b', image.text, OCI_MANIFEST)
  expect((await bed.send('DELETE', '/v2/t/gone/manifests/a')).status).toBe(202)
  expect((await bed.send('HEAD', '/v2/t/gone/manifests/a')).status).toBe(404)
  expect((await bed.send('HEAD', '/v2/t/gone/manifests/b')).status).toBe(200)
  expect((await bed.send('DELETE', `/v2/t/gone/manifests/${image.digest}`)).status).toBe(202)
  for (const reference of ['b', image.digest]) {
    expect((await bed.send('HEAD', `/v2/t/gone/manifests/${reference}`)).status).toBe(404)
  }
  expect((await bed.send('DELETE', `/v2/t/gone/manifests/${image.digest}`)).status).toBe(404)
})

test('a blob that a manifest needs is not deleted; afterwards it goes, file and all', async () => {
  const image = await bed.image('t/needed', 'a')
  const path = `/v2/t/needed/blobs/${image.layer}`
  expect((await bed.send('DELETE', path)).status).toBe(405)
  await bed.send('DELETE', `/v2/t/needed/manifests/${image.digest}`)
  expect((await bed.send('DELETE', path)).status).toBe(202)
  expect((await bed.send('GET', path)).status).toBe(404)
  const hex = hexOf(image.layer)
  expect(existsSync(join(bed.folder, 'repos/t/needed/blobs/sha256', hex))).toBe(false)
})

test('referrers are listed with their type and annotations, filtered, and go when deleted', async () => {
  const image = await bed.image('t/refs', 'a')
  const subject = { mediaType: OCI_MANIFEST, digest: image.digest, size: image.text.length }
  const attach = async (artifactType: string) => {
    const manifest = text({
      ...{ schemaVersion: 2, mediaType: OCI_INDEX, artifactType, manifests: [], subject },
      annotations: { kind: artifactType },
    })
    const put = await bed.putManifest(
      't/refs',
      digestOf(Buffer.from(manifest)),
      manifest,
      OCI_INDEX,
    )
    expect(put.headers.get('oci-subject')).toBe(image.digest)
    return digestOf(Buffer.from(manifest))
  }
  const sbom = await attach('a/sbom')
  await attach('a/sign')
  const list = async (query = '') => {
    const got = await bed.send('GET', `/v2/t/refs/referrers/${image.digest}${query}`)
    expect(got.headers.get('content-type')).toBe(OCI_INDEX)
    const { manifests } = (await got.json()) as { manifests: Record<string, unknown>[] }
    return { manifests, applied: got.headers.get('oci-filters-applied') }
  }
  expect((await list()).manifests).toHaveLength(2)
  const filtered = await list('?artifactType=a/sbom')
  expect(filtered.applied).toBe('artifactType')
  expect(filtered.manifests).toMatchObject([
    { digest: sbom, artifactType: 'a/sbom', annotations: { kind: 'a/sbom' } },
  ])
  await bed.send('DELETE', `/v2/t/refs/manifests/${sbom}`)
  expect((await list('?artifactType=a/sbom')).manifests).toEqual([])
  const nobody = await bed.send('GET', `/v2/no/such/referrers/sha256:${'0'.repeat(64)}`)
  expect(nobody.status).toBe(200)
})

test('a damaged manifest is not served, and pushing it again heals it', async () => {
  const image = await bed.image('t/heal', 'a')
  const path = bed.store().objects.path(image.digest)
  await writeFile(path, image.text.replace('2', '3'))
  bed.store().objects.forget('t/heal', image.digest)
  expect((await bed.send('GET', '/v2/t/heal/manifests/a')).status).toBe(404)
  await bed.putManifest('t/heal', 'a', image.text, OCI_MANIFEST)
  expect(await readFile(path, 'utf8')).toBe(image.text)
  const shown = join(bed.folder, 'repos/t/heal/blobs/sha256', hexOf(image.digest))
  expect(await readFile(shown, 'utf8')).toBe(image.text)
})

test('the folder of a repository is an OCI layout that names its tags', async () => {
  const image = await bed.image('t/layout', 'one')
  await bed.store().layouts.settle()
  const folder = join(bed.folder, 'repos/t/layout')
  expect(JSON.parse(await readFile(join(folder, 'oci-layout'), 'utf8'))).toEqual({
    imageLayoutVersion: '1.0.0',
  })
  const index = JSON.parse(await readFile(join(folder, 'index.json'), 'utf8'))
  expect(index.manifests).toMatchObject([
    {
      ...{ mediaType: OCI_MANIFEST, digest: image.digest, size: image.text.length },
      annotations: { 'org.opencontainers.image.ref.name': 'one' },
    },
  ])
  for (const digest of [image.digest, image.layer, image.config]) {
    const bytes = await readFile(join(folder, 'blobs/sha256', hexOf(digest as Digest)))
    expect(digestOf(bytes)).toBe(digest as Digest)
  }
})

test('Docker types are taken as they are, and foreign layers may be elsewhere', async () => {
  const { config } = await bed.image('t/docker', 'a')
  const foreign = {
    mediaType: 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
    ...{ digest: digestOf(Buffer.from('elsewhere')), size: 9, urls: ['https://example.test/x'] },
  }
  const manifest = text({
    ...{ schemaVersion: 2, mediaType: DOCKER_MANIFEST },
    config: {
      mediaType: 'application/vnd.docker.container.image.v1+json',
      digest: config,
      size: 2,
    },
    layers: [foreign],
  })
  expect((await bed.putManifest('t/docker', 'd', manifest, DOCKER_MANIFEST)).status).toBe(201)
  const got = await bed.send('GET', '/v2/t/docker/manifests/d')
  expect(got.headers.get('content-type')).toBe(DOCKER_MANIFEST)
})

test('what a manifest reaches is known, down to the layers', async () => {
  const image = await bed.image('t/reach', 'a')
  const child = { mediaType: OCI_MANIFEST, digest: image.digest, size: image.text.length }
  const index = text({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [child] })
  await bed.putManifest('t/reach', 'i', index, OCI_INDEX)
  const root = digestOf(Buffer.from(index))
  expect(await bed.store().manifests.reachable('t/reach', root)).toEqual(
    new Set([root, image.digest, image.config, image.layer]),
  )
})
