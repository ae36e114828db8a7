// SPDX-License-Identifier: AGPL-3.0-or-later
/** Sections 1.2 end-12 and 1.6: what points at a manifest. */
import { expect, test } from 'bun:test'
import {
  artifactOf,
  descriptor,
  digestOf,
  EMPTY_JSON,
  indexOf,
  type Json,
  jsonBytes,
  missingDigest,
  TYPES,
} from './content.ts'
import { oddities } from './oddities.ts'
import { freshName, type Reply, useRegistry } from './registry.ts'

const registry = useRegistry()
const { call, pushBlob, pushImage, putManifest } = registry

const SIGNATURE = 'application/vnd.example.signature'
const SBOM = 'application/vnd.example.sbom+json'

/** A repository with an image to point at. */
async function subjectIn(name: string) {
  const image = await pushImage(name)
  await pushBlob(name, EMPTY_JSON)
  return { image, subject: descriptor(TYPES.image, image.bytes) }
}

async function attach(name: string, manifest: Json) {
  const bytes = jsonBytes(manifest)
  const digest = digestOf(bytes)
  const reply = await putManifest(name, digest, bytes, String(manifest['mediaType']))
  expect({ status: reply.status, codes: reply.codes }).toEqual({ status: 201, codes: [] })
  return { bytes, digest, reply }
}

const referrers = (name: string, digest: string, query = '') =>
  call('GET', `/v2/${name}/referrers/${digest}${query}`)

const digestsOf = ({ json }: Reply): string[] =>
  json.manifests.map(({ digest }: { digest: string }) => digest).sort()

const nextOf = ({ headers }: Reply): string | undefined =>
  /^<([^>]+)>; *rel="?next"?$/.exec(headers.get('link') ?? '')?.[1]

test('the referrers of a manifest are an index, with the type of one', async () => {
  const name = freshName()
  const { image } = await subjectIn(name)
  const reply = await referrers(name, image.digest)
  expect(reply.status).toBe(200)
  expect(reply.headers.get('content-type')).toBe(TYPES.index)
  expect(reply.headers.get('content-length')).toBe(String(reply.bytes().length))
  expect(reply.json).toEqual({ schemaVersion: 2, mediaType: TYPES.index, manifests: [] })
})

test.each([
  ['a manifest that is not there', () => missingDigest()],
  ['the probe of oras', () => `sha256:${'0'.repeat(64)}`],
  ['a sha512 digest', () => missingDigest('sha512')],
])('the referrers of %s are an empty list', async (_, make) => {
  const name = freshName()
  await pushImage(name)
  const reply = await referrers(name, make())
  expect([reply.status, reply.headers.get('content-type')]).toEqual([200, TYPES.index])
  expect(reply.json.manifests).toEqual([])
})

test('the referrers in an unknown repository are an empty list, never 404', async () => {
  const reply = await referrers(freshName(), `sha256:${'0'.repeat(64)}`)
  expect([reply.status, reply.headers.get('content-type')]).toEqual([200, TYPES.index])
  expect(reply.json.manifests).toEqual([])
})

test('an artifact is listed under its subject with all that a client needs', async () => {
  const name = freshName()
  const { image, subject } = await subjectIn(name)
  const annotations = { 'org.example.a': '1', 'org.example.b': 'ü' }
  const { bytes, digest, reply } = await attach(
    name,
    artifactOf(SIGNATURE, { subject, annotations }),
  )
  expect(reply.headers.get('oci-subject')).toBe(image.digest)
  expect((await referrers(name, image.digest)).json.manifests).toEqual([
    { mediaType: TYPES.image, digest, size: bytes.length, artifactType: SIGNATURE, annotations },
  ])
})

test('an image without artifactType is listed by the type of its config', async () => {
  const name = freshName()
  const { image, subject } = await subjectIn(name)
  await pushImage(name, { over: { subject } })
  const { json } = await referrers(name, image.digest)
  expect(json.manifests).toMatchObject([{ artifactType: TYPES.config }])
})

test('an index with artifactType is listed by it', async () => {
  const name = freshName()
  const { image, subject } = await subjectIn(name)
  await attach(name, indexOf([], { subject, artifactType: SBOM, annotations: { x: 'y' } }))
  expect((await referrers(name, image.digest)).json.manifests).toMatchObject([
    { mediaType: TYPES.index, artifactType: SBOM, annotations: { x: 'y' } },
  ])
})

test('an index without artifactType is listed without one', async () => {
  const name = freshName()
  const { image, subject } = await subjectIn(name)
  await attach(name, indexOf([], { subject }))
  const [entry] = (await referrers(name, image.digest)).json.manifests
  expect(entry.mediaType).toBe(TYPES.index)
  expect('artifactType' in entry).toBe(false)
})

test('an artifact is taken before its subject, and listed', async () => {
  const name = freshName()
  await pushBlob(name, EMPTY_JSON)
  const subject = { mediaType: TYPES.image, digest: missingDigest(), size: 500 }
  const { digest, reply } = await attach(name, artifactOf(SIGNATURE, { subject }))
  expect(reply.headers.get('oci-subject')).toBe(subject.digest)
  expect(digestsOf(await referrers(name, subject.digest))).toEqual([digest])
})

test('an artifact pushed twice, by tag and by digest, is listed once', async () => {
  const name = freshName()
  const { image, subject } = await subjectIn(name)
  const { bytes, digest } = await attach(name, artifactOf(SIGNATURE, { subject }))
  await putManifest(name, digest, bytes)
  const tagged = await putManifest(name, 'signature', bytes)
  expect(tagged.headers.get('oci-subject')).toBe(image.digest)
  expect(digestsOf(await referrers(name, image.digest))).toEqual([digest])
})

test('a referrer of a referrer is listed under that one alone', async () => {
  const name = freshName()
  const { image, subject } = await subjectIn(name)
  const sbom = await attach(name, artifactOf(SBOM, { subject }))
  const signature = await attach(
    name,
    artifactOf(SIGNATURE, { subject: descriptor(TYPES.image, sbom.bytes) }),
  )
  expect(digestsOf(await referrers(name, image.digest))).toEqual([sbom.digest])
  expect(digestsOf(await referrers(name, sbom.digest))).toEqual([signature.digest])
})

test('referrers are of their own repository', async () => {
  const [name, other] = [freshName(), freshName()]
  const { image, subject } = await subjectIn(name)
  await attach(name, artifactOf(SIGNATURE, { subject }))
  await pushBlob(other, EMPTY_JSON)
  expect((await referrers(other, image.digest)).json.manifests).toEqual([])
})

test('when the subject is deleted its referrers stay listed', async () => {
  const name = freshName()
  const { image, subject } = await subjectIn(name)
  const { digest } = await attach(name, artifactOf(SIGNATURE, { subject }))
  expect((await call('DELETE', `/v2/${name}/manifests/${image.digest}`)).status).toBe(202)
  expect(digestsOf(await referrers(name, image.digest))).toEqual([digest])
})

test('deleting the tag of a referrer keeps it listed', async () => {
  const name = freshName()
  const { image, subject } = await subjectIn(name)
  const { bytes, digest } = await attach(name, artifactOf(SIGNATURE, { subject }))
  await putManifest(name, 'sig', bytes)
  await call('DELETE', `/v2/${name}/manifests/sig`)
  expect(digestsOf(await referrers(name, image.digest))).toEqual([digest])
})

test('a list filtered by artifactType says so', async () => {
  const name = freshName()
  const { image, subject } = await subjectIn(name)
  const signature = await attach(name, artifactOf(SIGNATURE, { subject }))
  const sbom = await attach(name, artifactOf(SBOM, { subject }))
  const all = await referrers(name, image.digest)
  expect(digestsOf(all)).toEqual([signature.digest, sbom.digest].sort())
  expect(all.headers.has('oci-filters-applied')).toBe(false)
  for (const [type, digest] of [
    [SIGNATURE, signature.digest],
    [encodeURIComponent(SBOM), sbom.digest],
  ]) {
    const some = await referrers(name, image.digest, `?artifactType=${type}`)
    expect(some.headers.get('oci-filters-applied')).toBe('artifactType')
    expect(digestsOf(some)).toEqual([digest ?? ''])
  }
})

test('a filter that nothing meets gives an empty list', async () => {
  const name = freshName()
  const { image, subject } = await subjectIn(name)
  await attach(name, artifactOf(SIGNATURE, { subject }))
  const some = await referrers(name, image.digest, '?artifactType=application/none')
  expect([some.status, some.json.manifests]).toEqual([200, []])
  expect(some.headers.get('oci-filters-applied')).toBe('artifactType')
})

test('an unknown filter is left alone and not claimed', async () => {
  const name = freshName()
  const { image, subject } = await subjectIn(name)
  const { digest } = await attach(name, artifactOf(SIGNATURE, { subject }))
  const some = await referrers(name, image.digest, '?color=red')
  expect(digestsOf(some)).toEqual([digest])
  expect(some.headers.has('oci-filters-applied')).toBe(false)
})

test('HEAD of referrers gives the headers of GET', async () => {
  const name = freshName()
  const { image, subject } = await subjectIn(name)
  await attach(name, artifactOf(SIGNATURE, { subject }))
  const path = `/v2/${name}/referrers/${image.digest}`
  const [got, head] = [await call('GET', path), await call('HEAD', path)]
  expect([head.status, head.bytes().length]).toEqual([200, 0])
  for (const header of ['content-type', 'content-length']) {
    expect(head.headers.get(header)).toBe(got.headers.get(header))
  }
})

test('a fallback tag that an old client wrote is found by the API', async () => {
  const name = freshName()
  const { image } = await subjectIn(name)
  // As a client does that knows no referrers: no subject in the artifact, an index under a tag.
  const artifact = jsonBytes(artifactOf(SIGNATURE, { annotations: { old: 'yes' } }))
  await putManifest(name, digestOf(artifact), artifact)
  const entry = {
    ...descriptor(TYPES.image, artifact),
    artifactType: SIGNATURE,
    annotations: { old: 'yes' },
  }
  const fallback = image.digest.replace(':', '-')
  expect((await putManifest(name, fallback, indexOf([entry]))).status).toBe(201)
  const { json } = await call('GET', `/v2/${name}/manifests/${fallback}`)
  expect(json.manifests).toEqual([entry])
  expect((await call('GET', `/v2/${name}/tags/list`)).json.tags).toContain(fallback)
})

test('signatures of cosign are tags like others', async () => {
  const name = freshName()
  const { image } = await subjectIn(name)
  const stem = image.digest.replace(':', '-')
  for (const end of ['sig', 'att', 'sbom']) {
    expect((await pushImage(name, { tag: `${stem}.${end}` })).digest).toStartWith('sha256:')
    expect((await call('GET', `/v2/${name}/manifests/${stem}.${end}`)).status).toBe(200)
  }
})

test('ten thousand referrers come in pages that no client finds too large, each once', async () => {
  const name = freshName()
  const { image, subject } = await subjectIn(name)
  const COUNT = 10_000
  const expected = new Set<string>()
  let left = COUNT
  const worker = async () => {
    while (left-- > 0) {
      const type = left % 2 ? SIGNATURE : SBOM
      const annotations = { 'org.example.note': 'n'.repeat(300), at: String(left) }
      const bytes = jsonBytes(artifactOf(type, { subject, annotations }))
      const { status } = await putManifest(name, digestOf(bytes), bytes)
      if (status !== 201) throw new Error(`refused: ${status}`)
      expected.add(digestOf(bytes))
    }
  }
  await Promise.all(Array.from({ length: 16 }, worker))
  const found = new Set<string>()
  let pages = 0
  let next: string | undefined = `/v2/${name}/referrers/${image.digest}`
  while (next) {
    const reply: Reply = await call('GET', next)
    expect(reply.status).toBe(200)
    expect(reply.headers.get('content-type')).toBe(TYPES.index)
    expect(reply.bytes().length).toBeLessThanOrEqual(4 << 20)
    for (const digest of digestsOf(reply)) {
      expect(found.has(digest)).toBe(false)
      found.add(digest)
    }
    pages += 1
    next = nextOf(reply)
  }
  expect(found).toEqual(expected)
  expect(pages).toBeGreaterThan(1)
  const first = await referrers(name, image.digest, `?artifactType=${SIGNATURE}`)
  expect(first.json.manifests.length).toBeGreaterThan(0)
  const types = first.json.manifests.map((entry: { artifactType: string }) => entry.artifactType)
  expect(new Set(types)).toEqual(new Set([SIGNATURE]))
}, 120_000)

test('every answer about referrers has the form that OCI asks for', () => {
  expect(oddities.found).toEqual([])
})
