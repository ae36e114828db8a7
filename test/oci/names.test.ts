// SPDX-License-Identifier: AGPL-3.0-or-later
/** Section 1.1: grammar and limits. */
import { expect, test } from 'bun:test'
import {
  artifactOf,
  digestOf,
  EMPTY_JSON,
  freshBytes,
  jsonBytes,
  manifestOf,
  missingDigest,
  TYPES,
} from './content.ts'
import { oddities } from './oddities.ts'
import { freshName, useRegistry } from './registry.ts'

const registry = useRegistry()
const { call, pushBlob, putManifest, pushImage } = registry

test.each([
  'a',
  '0',
  'library/a1',
  'a.b/c.d',
  'a_b/c__d',
  'a-b/c--d---e',
  'a/b/c/d/e/f/g/h/i/j',
  '0/9/0',
  'x'.repeat(180),
])('a repository named %s takes an image and gives it back', async (name) => {
  const { digest } = await pushImage(name, { tag: 'v1' })
  expect(await call('GET', `/v2/${name}/manifests/v1`)).toMatchObject({ status: 200, digest })
})

test.each([
  'a/manifests/b',
  'x/blobs',
  'x/blobs/uploads',
  'manifests',
  'blobs/uploads/y',
  'tags/list',
  'z/tags/list/tags',
  'referrers/x',
  'w/referrers',
  'uploads',
])('a repository may be named %s though the paths of the API use these words', async (name) => {
  const { digest, json } = await pushImage(name, { tag: 'v1' })
  const [layer] = json['layers'] as readonly { digest: string }[]
  const manifest = `/v2/${name}/manifests/${digest}`
  expect(await call('GET', manifest)).toMatchObject({ status: 200, digest })
  expect((await call('HEAD', `/v2/${name}/blobs/${layer?.digest}`)).status).toBe(200)
  expect((await call('GET', `/v2/${name}/tags/list`)).json).toEqual({ name, tags: ['v1'] })
  const { status, json: referrers } = await call('GET', `/v2/${name}/referrers/${digest}`)
  expect({ status, manifests: referrers.manifests }).toEqual({ status: 200, manifests: [] })
})

const BAD_NAMES = [
  ...['A/b', 'Upper', 'a..b', '-a', 'a-', 'a/-b', 'a/_b', 'a___b', '.a', 'a/.b', 'a.', 'a_.b'],
  ...['a%20b', 'a%2Bb', '%C3%A4', 'a%00b', 'a%5Cb', `${'x'.repeat(256)}`, 'a:b', 'a@b'],
]

test.each(BAD_NAMES)('nothing is pushed to a repository named %s', async (name) => {
  const manifest = await putManifest(name, 'v1', artifactOf('application/x'))
  const upload = await call('POST', `/v2/${name}/blobs/uploads/`)
  expect([manifest.status, manifest.codes, upload.status, upload.codes]).toEqual([
    ...[400, ['NAME_INVALID']],
    ...[400, ['NAME_INVALID']],
  ])
})

test.each([
  ['a manifest', 'manifests/v1'],
  ['a blob', `blobs/${missingDigest()}`],
  ['the tags', 'tags/list'],
  ['the referrers', `referrers/${missingDigest()}`],
])('%s of a repository with a bad name is refused as NAME_INVALID', async (_, path) => {
  const { status, codes } = await call('GET', `/v2/UPPER/Case/${path}`)
  expect({ status, codes }).toEqual({ status: 400, codes: ['NAME_INVALID'] })
})

test.each(['v1', '_x', 'A.b-c_d', '0', 'latest', 'x'.repeat(128), 'sha256-abc.sig'])(
  'a tag %s is taken',
  async (tag) => {
    const name = freshName()
    const { digest } = await pushImage(name, { tag })
    expect(await call('GET', `/v2/${name}/manifests/${tag}`)).toMatchObject({ status: 200, digest })
  },
)

test.each(['.x', '-x', 'a+b', 'a%20b', '%C3%A9', 'a%00', 'a~b', 'a,b', 'x'.repeat(129)])(
  'a manifest can not be tagged %s',
  async (tag) => {
    const name = freshName()
    await pushBlob(name, EMPTY_JSON)
    const { status, codes } = await putManifest(name, tag, artifactOf('application/x'))
    expect({ status, codes }).toEqual({ status: 400, codes: ['MANIFEST_INVALID'] })
    expect([400, 404]).toContain((await call('GET', `/v2/${name}/manifests/${tag}`)).status)
  },
)

const hex = (length: number) => 'a'.repeat(length)
const BAD_DIGESTS = [
  ...['sha256:baddigeststring', `sha256:${hex(63)}`, `sha256:${hex(65)}`, 'sha256:'],
  ...[`sha256:${'A'.repeat(64)}`, `sha256:${'g'.repeat(64)}`, `sha512:${hex(64)}`],
  ...[
    `md5:${hex(32)}`,
    `sha1:${hex(40)}`,
    `sha999:${hex(64)}`,
    `:${hex(64)}`,
    `sha256:${hex(64)}:`,
  ],
]

test.each(BAD_DIGESTS)('a manifest pushed by the digest %s is refused with 400', async (digest) => {
  const name = freshName()
  await pushBlob(name, EMPTY_JSON)
  const { status, codes } = await putManifest(name, digest, artifactOf('application/x'))
  expect(status).toBe(400)
  expect(codes).toEqual([expect.stringMatching(/^(DIGEST|MANIFEST)_INVALID$/)])
})

test.each(BAD_DIGESTS)('a manifest asked for by the digest %s is no fault', async (digest) => {
  const name = freshName()
  await pushImage(name)
  for (const method of ['GET', 'HEAD']) {
    expect([400, 404]).toContain((await call(method, `/v2/${name}/manifests/${digest}`)).status)
  }
})

test.each(BAD_DIGESTS)('a blob by the digest %s is refused as DIGEST_INVALID', async (digest) => {
  const name = freshName()
  await pushImage(name)
  const got = await call('GET', `/v2/${name}/blobs/${digest}`)
  const deleted = await call('DELETE', `/v2/${name}/blobs/${digest}`)
  const referrers = await call('GET', `/v2/${name}/referrers/${digest}`)
  expect([got, deleted, referrers].map(({ status, codes }) => [status, ...codes])).toEqual([
    [400, 'DIGEST_INVALID'],
    [400, 'DIGEST_INVALID'],
    [400, 'DIGEST_INVALID'],
  ])
})

test('a digest may be written with %3A, in either case', async () => {
  const name = freshName()
  const { digest, json } = await pushImage(name)
  const [layer] = json['layers'] as readonly { digest: string }[]
  for (const colon of ['%3A', '%3a']) {
    const manifest = `/v2/${name}/manifests/${digest.replace(':', colon)}`
    expect(await call('GET', manifest)).toMatchObject({ status: 200, digest })
    const blob = `/v2/${name}/blobs/${layer?.digest.replace(':', colon)}`
    expect((await call('HEAD', blob)).status).toBe(200)
    const referrers = `/v2/${name}/referrers/${digest.replace(':', colon)}`
    expect((await call('GET', referrers)).status).toBe(200)
  }
})

/** A manifest of about so many bytes, by annotations. */
const largeManifest = (pieces: number, pieceBytes: number) => ({
  ...artifactOf('application/x'),
  annotations: Object.fromEntries(
    Array.from({ length: pieces }, (_, at) => [`large.${at}`, 'x'.repeat(pieceBytes)]),
  ),
})

test.each([
  ['3.9 MB', 390],
  ['4 MiB and more', 430],
])('a manifest of %s is taken and comes back to the byte', async (_, pieces) => {
  const name = freshName()
  await pushBlob(name, EMPTY_JSON)
  const bytes = jsonBytes(largeManifest(pieces, 10_000))
  expect((await putManifest(name, 'large', bytes, TYPES.image)).status).toBe(201)
  const got = await call('GET', `/v2/${name}/manifests/large`)
  expect(got.status).toBe(200)
  expect(got.digest).toBe(digestOf(bytes))
  expect(got.headers.get('content-length')).toBe(String(bytes.length))
})

test('a manifest over the limit is refused with 413', async () => {
  const name = freshName()
  await pushBlob(name, EMPTY_JSON)
  const { status, codes } = await putManifest(name, 'huge', largeManifest(900, 10_000))
  expect(status).toBe(413)
  expect(codes).toEqual([expect.stringMatching(/^(SIZE|MANIFEST)_INVALID$/)])
  expect((await call('GET', `/v2/${name}/manifests/huge`)).status).toBe(404)
})

test('a manifest of unknown length over the limit is refused with 413 too', async () => {
  const name = freshName()
  await pushBlob(name, EMPTY_JSON)
  let left = 10
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (left-- > 0) controller.enqueue(freshBytes(1 << 20))
      else controller.close()
    },
  })
  const { status, codes } = await call('PUT', `/v2/${name}/manifests/huge`, {
    body,
    headers: { 'Content-Type': TYPES.image },
  })
  expect(status).toBe(413)
  expect(codes).toEqual([expect.stringMatching(/^(SIZE|MANIFEST)_INVALID$/)])
})

test('a manifest names a blob larger than 4 GiB by its true size', async () => {
  const name = freshName()
  const config = freshBytes()
  await pushBlob(name, config)
  const layer = { mediaType: TYPES.foreignLayer, digest: missingDigest(), size: 11 * 1024 ** 3 }
  const manifest = { ...manifestOf(config, []), layers: [layer] }
  expect((await putManifest(name, 'v1', manifest)).status).toBe(201)
  expect((await call('GET', `/v2/${name}/manifests/v1`)).json.layers).toEqual([layer])
})

test('every answer about names and limits has the form that OCI asks for', () => {
  expect(oddities.found).toEqual([])
})
