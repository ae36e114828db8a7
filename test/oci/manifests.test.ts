// SPDX-License-Identifier: AGPL-3.0-or-later
/** Sections 1.2 end-3, end-7a, end-7b, and 1.4: manifests and their media types. */
import { describe, expect, test } from 'bun:test'
import {
  artifactOf,
  descriptor,
  digestOf,
  EMPTY_JSON,
  freshBytes,
  indexOf,
  type Json,
  jsonBytes,
  manifestOf,
  missingDigest,
  TYPES,
  textBytes,
} from './content.ts'
import { oddities } from './oddities.ts'
import { freshName, useRegistry } from './registry.ts'

const registry = useRegistry()
const { call, pushBlob, pushImage, putManifest } = registry

const at = (name: string, reference: string) => `/v2/${name}/manifests/${reference}`

describe('reading', () => {
  test('a manifest comes back by tag and by digest, to the byte', async () => {
    const name = freshName()
    const { digest, bytes, type } = await pushImage(name, { tag: 'v1' })
    for (const reference of ['v1', digest]) {
      const got = await call('GET', at(name, reference))
      expect(got).toMatchObject({ status: 200, digest })
      expect(Object.fromEntries(got.headers)).toMatchObject({
        'content-type': type,
        'content-length': String(bytes.length),
        'docker-content-digest': digest,
      })
    }
  })

  test('HEAD of a manifest gives the headers of GET and no body', async () => {
    const name = freshName()
    const { digest } = await pushImage(name, { tag: 'v1' })
    const facts = ({ headers }: { headers: Headers }) =>
      ['content-type', 'content-length', 'docker-content-digest', 'etag'].map((header) =>
        headers.get(header),
      )
    for (const reference of ['v1', digest]) {
      const [got, head] = [
        await call('GET', at(name, reference)),
        await call('HEAD', at(name, reference)),
      ]
      expect([head.status, head.bytes().length]).toEqual([200, 0])
      expect(facts(head)).toEqual(facts(got))
    }
  })

  test('white space and the order of fields are kept', async () => {
    const name = freshName()
    const config = freshBytes()
    await pushBlob(name, config)
    const bytes = textBytes(
      `${JSON.stringify(manifestOf(config, []), null, 7)}\n \t\n`.replace('{', '{"z":1,'),
    )
    expect((await putManifest(name, 'odd', bytes)).status).toBe(201)
    expect((await call('GET', at(name, 'odd'))).digest).toBe(digestOf(bytes))
  })

  test.each([
    ['none', ''],
    ['anything', '*/*'],
    ['its own type', TYPES.image],
    ['its own type among others', `${TYPES.dockerImage}, ${TYPES.image};q=0.5`],
    ['any application', 'application/*'],
    ['only other types', TYPES.dockerList],
    ['a web page', 'text/html'],
    ['nonsense', ';;,/'],
  ])('a client that accepts %s gets the manifest as it was pushed', async (_, accept) => {
    const name = freshName()
    const { digest, type } = await pushImage(name, { tag: 'v1' })
    const got = await call('GET', at(name, 'v1'), { headers: { Accept: accept } })
    expect(got).toMatchObject({ status: 200, digest })
    expect(got.headers.get('content-type')).toBe(type)
  })

  test('a manifest is not compressed for a client that would take it', async () => {
    const name = freshName()
    const { digest, bytes } = await pushImage(name, { tag: 'v1' })
    const got = await call('GET', at(name, 'v1'), {
      headers: { 'Accept-Encoding': 'gzip, br, zstd' },
    })
    expect(got).toMatchObject({ status: 200, digest })
    expect(got.headers.get('content-length')).toBe(String(bytes.length))
  })

  test('a manifest that the client has already is answered with 304', async () => {
    const name = freshName()
    const { digest } = await pushImage(name, { tag: 'v1' })
    const etag = (await call('GET', at(name, 'v1'))).headers.get('etag')
    expect(etag).toBe(`"${digest}"`)
    for (const condition of [etag ?? '', `"x", ${etag}`, '*', `W/${etag}`]) {
      const same = await call('GET', at(name, 'v1'), { headers: { 'If-None-Match': condition } })
      expect([condition, same.status, same.bytes().length]).toEqual([condition, 304, 0])
    }
    const other = await call('GET', at(name, 'v1'), { headers: { 'If-None-Match': '"x"' } })
    expect(other.status).toBe(200)
  })

  test('after a retag the old ETag no longer holds', async () => {
    const name = freshName()
    const first = await pushImage(name, { tag: 'v1' })
    const second = await pushImage(name, { tag: 'v1' })
    const got = await call('GET', at(name, 'v1'), {
      headers: { 'If-None-Match': `"${first.digest}"` },
    })
    expect(got).toMatchObject({ status: 200, digest: second.digest })
  })

  test.each([
    ['a tag', 'missing'],
    ['a digest', missingDigest()],
    ['a sha512 digest', missingDigest('sha512')],
  ])('a manifest by %s that is not there is MANIFEST_UNKNOWN', async (_, reference) => {
    const name = freshName()
    await pushImage(name)
    const { status, codes } = await call('GET', at(name, reference))
    expect({ status, codes }).toEqual({ status: 404, codes: ['MANIFEST_UNKNOWN'] })
    expect((await call('HEAD', at(name, reference))).status).toBe(404)
  })

  test('a manifest of a repository that is not there is unknown', async () => {
    const { status, codes } = await call('GET', at(freshName(), 'v1'))
    expect(status).toBe(404)
    expect(codes).toEqual([expect.stringMatching(/^(MANIFEST|NAME)_UNKNOWN$/)])
  })

  test('a manifest is not seen from another repository', async () => {
    const { digest } = await pushImage(freshName())
    const other = freshName()
    await pushImage(other)
    expect((await call('GET', at(other, digest))).status).toBe(404)
  })

  test('a mirror request names its upstream by ns and is answered as without', async () => {
    const name = freshName()
    const { digest } = await pushImage(name, { tag: 'v1' })
    const got = await call('GET', `${at(name, 'v1')}?ns=docker.example`)
    expect(got).toMatchObject({ status: 200, digest })
  })

  test('a blob is no manifest', async () => {
    const name = freshName()
    const digest = await pushBlob(name, freshBytes())
    expect((await call('GET', at(name, digest))).status).toBe(404)
  })
})

describe('pushing', () => {
  test.each(['tag', 'digest'])('a manifest pushed by %s names its digest', async (by) => {
    const name = freshName()
    const config = freshBytes()
    await pushBlob(name, config)
    const bytes = jsonBytes(manifestOf(config, []))
    const digest = digestOf(bytes)
    const reply = await putManifest(name, by === 'tag' ? 'v1' : digest, bytes)
    expect(reply.status).toBe(201)
    expect(reply.headers.get('docker-content-digest')).toBe(digest)
    expect(reply.headers.has('oci-subject')).toBe(false)
    const location = reply.headers.get('location') ?? ''
    expect(await call('GET', location)).toMatchObject({ status: 200, digest })
  })

  test('a manifest whose bytes differ from the digest in its URL is refused', async () => {
    const name = freshName()
    const config = freshBytes()
    await pushBlob(name, config)
    const bytes = jsonBytes(manifestOf(config, []))
    const padded = new Uint8Array([...bytes, 0x20, 0x20])
    const { status, codes } = await putManifest(name, digestOf(bytes), padded)
    expect(status).toBe(400)
    expect(codes).toEqual([expect.stringMatching(/^(DIGEST|MANIFEST)_INVALID$/)])
    expect((await call('GET', at(name, digestOf(bytes)))).status).toBe(404)
    expect((await call('GET', at(name, digestOf(padded)))).status).toBe(404)
  })

  test('a manifest that is there already is taken again', async () => {
    const name = freshName()
    const { bytes, digest, type } = await pushImage(name, { tag: 'v1' })
    for (const reference of ['v1', digest, 'v2']) {
      expect((await putManifest(name, reference, bytes, type)).status).toBe(201)
    }
    expect((await call('GET', `/v2/${name}/tags/list`)).json.tags).toEqual(['v1', 'v2'])
  })

  test('a tag moves to what was pushed last, and the old manifest stays by its digest', async () => {
    const name = freshName()
    const first = await pushImage(name, { tag: 'v1' })
    const second = await pushImage(name, { tag: 'v1' })
    expect((await call('GET', at(name, 'v1'))).digest).toBe(second.digest)
    expect((await call('GET', at(name, first.digest))).status).toBe(200)
  })

  test('a push makes its repository', async () => {
    const name = freshName('new/deep')
    await pushImage(name, { tag: 'v1' })
    expect((await call('GET', `/v2/${name}/tags/list`)).json).toEqual({ name, tags: ['v1'] })
  })

  test('twenty tags pushed at the same time are all there', async () => {
    const name = freshName()
    const { bytes, type, digest } = await pushImage(name)
    const tags = Array.from({ length: 20 }, (_, each) => `t${String(each).padStart(2, '0')}`)
    const all = await Promise.all(tags.map((tag) => putManifest(name, tag, bytes, type)))
    expect(all.every(({ status }) => status === 201)).toBe(true)
    expect((await call('GET', `/v2/${name}/tags/list`)).json.tags).toEqual(tags)
    expect((await call('GET', at(name, 't19'))).digest).toBe(digest)
  })

  test('of pushes to one tag at the same time one whole manifest wins', async () => {
    const name = freshName()
    const images = await Promise.all(Array.from({ length: 8 }, () => pushImage(name)))
    await Promise.all(images.map(({ bytes, type }) => putManifest(name, 'one', bytes, type)))
    const { digest } = await call('GET', at(name, 'one'))
    expect(images.map((image) => image.digest)).toContain(digest)
  })
})

describe('several tags by one push', () => {
  const tagsOf = (headers: Headers) =>
    (headers.get('oci-tag') ?? '').split(',').map((tag) => tag.trim())

  test('a manifest pushed by digest takes its tags from the query', async () => {
    const name = freshName()
    const { bytes, digest, type } = await pushImage(name)
    const tags = Array.from({ length: 12 }, (_, each) => `tag-${String(each).padStart(2, '0')}`)
    const query = tags.map((tag) => `tag=${tag}`).join('&')
    const reply = await putManifest(name, `${digest}?${query}`, bytes, type)
    expect(reply.status).toBe(201)
    expect(tagsOf(reply.headers).sort()).toEqual(tags)
    expect((await call('GET', `/v2/${name}/tags/list`)).json.tags).toEqual(tags)
    expect((await call('GET', at(name, 'tag-07'))).digest).toBe(digest)
  })

  test('a sha512 manifest is tagged so', async () => {
    const name = freshName()
    const { bytes, digest, type } = await pushImage(name, { algorithm: 'sha512' })
    const reply = await putManifest(name, `${digest}?tag=strong`, bytes, type)
    expect([reply.status, tagsOf(reply.headers)]).toEqual([201, ['strong']])
    const got = await call('GET', at(name, 'strong'))
    expect(got.headers.get('docker-content-digest')).toBe(digest)
  })

  test('with one bad tag among them none is set', async () => {
    const name = freshName()
    const { bytes, digest, type } = await pushImage(name, { tag: 'there' })
    const reply = await putManifest(name, `${digest}?tag=good&tag=-bad`, bytes, type)
    expect([reply.status, reply.codes]).toEqual([400, ['MANIFEST_INVALID']])
    expect((await call('GET', `/v2/${name}/tags/list`)).json.tags).toEqual(['there'])
  })

  test('too many tags are refused with 414, and none is set', async () => {
    const name = freshName()
    const { bytes, digest, type } = await pushImage(name, { tag: 'there' })
    const query = Array.from({ length: 1_000 }, (_, each) => `tag=t${each}`).join('&')
    expect((await putManifest(name, `${digest}?${query}`, bytes, type)).status).toBe(414)
    expect((await call('GET', `/v2/${name}/tags/list`)).json.tags).toEqual(['there'])
  })

  test('the same tag twice is set once', async () => {
    const name = freshName()
    const { bytes, digest, type } = await pushImage(name)
    const reply = await putManifest(name, `${digest}?tag=a&tag=a`, bytes, type)
    expect(reply.status).toBe(201)
    expect((await call('GET', `/v2/${name}/tags/list`)).json.tags).toEqual(['a'])
  })
})

/** Config and layer, as Docker's own types call them. */
async function dockerImage(name: string): Promise<Json> {
  const [config, layer] = [jsonBytes({ docker: Bun.randomUUIDv7() }), freshBytes()]
  await pushBlob(name, config)
  await pushBlob(name, layer)
  return {
    schemaVersion: 2,
    mediaType: TYPES.dockerImage,
    config: descriptor(TYPES.dockerConfig, config),
    layers: [descriptor(TYPES.dockerLayer, layer)],
  }
}

async function imageParts(name: string) {
  const [config, layer] = [jsonBytes({ unique: Bun.randomUUIDv7() }), freshBytes()]
  await pushBlob(name, config)
  await pushBlob(name, layer)
  return manifestOf(config, [layer])
}

describe('media types that are taken', () => {
  test('a Docker image keeps its type', async () => {
    const name = freshName()
    const bytes = jsonBytes(await dockerImage(name))
    expect((await putManifest(name, 'v1', bytes, TYPES.dockerImage)).status).toBe(201)
    const got = await call('GET', at(name, 'v1'))
    expect(got).toMatchObject({ status: 200, digest: digestOf(bytes) })
    expect(got.headers.get('content-type')).toBe(TYPES.dockerImage)
  })

  test('a Docker manifest list keeps its type, and is not resolved for anybody', async () => {
    const name = freshName()
    const child = jsonBytes(await dockerImage(name))
    await putManifest(name, digestOf(child), child, TYPES.dockerImage)
    const platform = { architecture: 'amd64', os: 'linux' }
    const list = jsonBytes({
      schemaVersion: 2,
      mediaType: TYPES.dockerList,
      manifests: [{ ...descriptor(TYPES.dockerImage, child), platform }],
    })
    expect((await putManifest(name, 'v1', list, TYPES.dockerList)).status).toBe(201)
    for (const accept of [TYPES.dockerList, TYPES.dockerImage, '*/*']) {
      const got = await call('GET', at(name, 'v1'), { headers: { Accept: accept } })
      expect(got).toMatchObject({ status: 200, digest: digestOf(list) })
      expect(got.headers.get('content-type')).toBe(TYPES.dockerList)
    }
  })

  test('a Docker image with foreign layers is taken without them', async () => {
    const name = freshName()
    const image = await dockerImage(name)
    const foreign = {
      mediaType: TYPES.dockerForeignLayer,
      digest: missingDigest(),
      size: 1_000,
      urls: ['https://mirror.example/layer'],
    }
    const manifest = { ...image, layers: [foreign] }
    expect((await putManifest(name, 'v1', manifest)).status).toBe(201)
  })

  test.each([
    'application/vnd.oci.image.layer.nondistributable.v1.tar',
    'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip',
    'application/vnd.oci.image.layer.nondistributable.v1.tar+zstd',
  ])('a layer %s need not be there', async (mediaType) => {
    const name = freshName()
    const layer = { mediaType, digest: missingDigest(), size: 123, urls: ['https://a.example/x'] }
    const manifest = { ...(await imageParts(name)), layers: [layer] }
    expect((await putManifest(name, 'v1', manifest)).status).toBe(201)
  })

  test('an index of images is taken', async () => {
    const name = freshName()
    const images = [await pushImage(name), await pushImage(name)]
    const index = jsonBytes(indexOf(images.map(({ bytes }) => descriptor(TYPES.image, bytes))))
    expect((await putManifest(name, 'v1', index, TYPES.index)).status).toBe(201)
    const got = await call('GET', at(name, 'v1'))
    expect(got).toMatchObject({ status: 200, digest: digestOf(index) })
    expect(got.headers.get('content-type')).toBe(TYPES.index)
  })

  test('an index of indexes is taken', async () => {
    const name = freshName()
    const image = await pushImage(name)
    const inner = jsonBytes(indexOf([descriptor(TYPES.image, image.bytes)]))
    await putManifest(name, digestOf(inner), inner, TYPES.index)
    const outer = jsonBytes(indexOf([descriptor(TYPES.index, inner)]))
    expect((await putManifest(name, 'nested', outer, TYPES.index)).status).toBe(201)
    expect((await call('GET', at(name, 'nested'))).digest).toBe(digestOf(outer))
  })

  test('an index that mixes Docker’s types with OCI’s is taken', async () => {
    const name = freshName()
    const image = await pushImage(name)
    const docker = jsonBytes(await dockerImage(name))
    await putManifest(name, digestOf(docker), docker, TYPES.dockerImage)
    const index = indexOf([
      descriptor(TYPES.image, image.bytes),
      descriptor(TYPES.dockerImage, docker),
    ])
    expect((await putManifest(name, 'mixed', index)).status).toBe(201)
  })

  test('an empty index is taken', async () => {
    const name = freshName()
    expect((await putManifest(name, 'empty', indexOf([]))).status).toBe(201)
    expect((await call('GET', at(name, 'empty'))).json.manifests).toEqual([])
  })

  test('a sparse index is taken: not every platform is mirrored', async () => {
    const name = freshName()
    const image = await pushImage(name)
    const absent = { mediaType: TYPES.image, digest: missingDigest(), size: 500 }
    const index = indexOf([descriptor(TYPES.image, image.bytes), absent])
    expect((await putManifest(name, 'sparse', index)).status).toBe(201)
    expect((await call('GET', at(name, absent.digest))).status).toBe(404)
  })

  test('an index with subject, artifactType and annotations is taken', async () => {
    const name = freshName()
    const image = await pushImage(name)
    const index = indexOf([], {
      subject: descriptor(TYPES.image, image.bytes),
      artifactType: 'application/vnd.example.set',
      annotations: { a: 'b' },
    })
    const reply = await putManifest(name, 'set', index)
    expect([reply.status, reply.headers.get('oci-subject')]).toEqual([201, image.digest])
  })

  test.each([
    ['no layers', { layers: [] }],
    ['unknown fields', { 'org.example.custom': { deep: [1, 2, { x: null }] } }],
    ['annotations', { annotations: { 'org.opencontainers.image.title': '☃ "quoted"' } }],
    ['an artifact type', { artifactType: 'application/vnd.example.thing' }],
  ])('an image with %s is taken', async (_, over) => {
    const name = freshName()
    const manifest = { ...(await imageParts(name)), ...over }
    expect((await putManifest(name, 'v1', manifest)).status).toBe(201)
    expect((await call('GET', at(name, 'v1'))).json).toEqual(manifest)
  })

  test('an artifact with the empty config is taken', async () => {
    const name = freshName()
    await pushBlob(name, EMPTY_JSON)
    const manifest = artifactOf('application/vnd.example.sbom')
    expect((await putManifest(name, 'sbom', manifest)).status).toBe(201)
  })

  test('a descriptor that carries its data is taken', async () => {
    const name = freshName()
    await pushBlob(name, EMPTY_JSON)
    const empty = { ...descriptor(TYPES.empty, EMPTY_JSON), data: 'e30=' }
    const manifest = artifactOf('application/x', { config: empty, layers: [empty] })
    expect((await putManifest(name, 'data', manifest)).status).toBe(201)
    expect((await call('GET', at(name, 'data'))).json).toEqual(manifest)
  })

  test('an image of one-byte layers that are not compressed is taken', async () => {
    const name = freshName()
    const config = jsonBytes({ unique: Bun.randomUUIDv7() })
    const layers = [textBytes('a'), textBytes('b')]
    for (const blob of [config, ...layers]) await pushBlob(name, blob)
    expect((await putManifest(name, 'small', manifestOf(config, layers))).status).toBe(201)
  })

  test('an image that has one layer twice is taken', async () => {
    const name = freshName()
    const [config, layer] = [freshBytes(), freshBytes()]
    await pushBlob(name, config)
    await pushBlob(name, layer)
    expect((await putManifest(name, 'v1', manifestOf(config, [layer, layer]))).status).toBe(201)
  })

  test.each([
    ['image', 'config and layers', TYPES.image],
    ['index', 'manifests', TYPES.index],
  ])('an OCI %s without mediaType and Content-Type is known by its %s', async (kind, _, type) => {
    const name = freshName()
    const { mediaType: _type, ...rest } =
      kind === 'image' ? await imageParts(name) : { mediaType: '', ...indexOf([]) }
    const reply = await putManifest(name, 'v1', jsonBytes(rest), '')
    expect(reply.status).toBe(201)
    expect((await call('GET', at(name, 'v1'))).headers.get('content-type')).toBe(type)
  })

  test('a manifest without mediaType has the type of its Content-Type, as podman 4 pushes', async () => {
    const name = freshName()
    const { mediaType, ...rest } = await imageParts(name)
    expect((await putManifest(name, 'v1', jsonBytes(rest), String(mediaType))).status).toBe(201)
    expect((await call('GET', at(name, 'v1'))).headers.get('content-type')).toBe(TYPES.image)
  })

  test('a manifest without Content-Type has the type that it states', async () => {
    const name = freshName()
    const bytes = jsonBytes(await dockerImage(name))
    expect((await putManifest(name, 'v1', bytes, '')).status).toBe(201)
    expect((await call('GET', at(name, 'v1'))).headers.get('content-type')).toBe(TYPES.dockerImage)
  })

  test.each(['; charset=utf-8', ';charset=UTF-8', '; a=b; c="d"'])(
    'parameters of the Content-Type (%s) are dropped',
    async (parameters) => {
      const name = freshName()
      const bytes = jsonBytes(await imageParts(name))
      const reply = await putManifest(name, 'v1', bytes, `${TYPES.image}${parameters}`)
      expect(reply.status).toBe(201)
      expect((await call('GET', at(name, 'v1'))).headers.get('content-type')).toBe(TYPES.image)
    },
  )
})

describe('manifests that are refused', () => {
  const refusals: readonly (readonly [
    string,
    (image: Json) => Uint8Array<ArrayBuffer>,
    string?,
  ])[] = [
    ['no JSON', () => textBytes('{"schemaVersion":2,')],
    ['an empty body', () => new Uint8Array()],
    ['an array', () => jsonBytes([])],
    ['null', () => jsonBytes(null)],
    ['a number', () => jsonBytes(2)],
    ['bytes that are no UTF-8', () => new Uint8Array([0x7b, 0xff, 0xfe, 0x7d])],
    ['schemaVersion 1', (image) => jsonBytes({ ...image, schemaVersion: 1 })],
    ['schemaVersion 3', (image) => jsonBytes({ ...image, schemaVersion: 3 })],
    ['schemaVersion "2"', (image) => jsonBytes({ ...image, schemaVersion: '2' })],
    ['no schemaVersion', ({ schemaVersion: _, ...rest }) => jsonBytes(rest)],
    ['no config', ({ config: _, ...rest }) => jsonBytes(rest)],
    ['a config of the wrong type', (image) => jsonBytes({ ...image, config: 'x' })],
    ['layers of the wrong type', (image) => jsonBytes({ ...image, layers: {} })],
    ['a layer that is null', (image) => jsonBytes({ ...image, layers: [null] })],
    [
      'a layer with a malformed digest',
      (image) =>
        jsonBytes({ ...image, layers: [{ mediaType: 'a/b', digest: 'sha256:x', size: 1 }] }),
    ],
    [
      'a layer without a size',
      (image) => jsonBytes({ ...image, layers: [{ mediaType: 'a/b', digest: missingDigest() }] }),
    ],
    [
      'a layer of negative size',
      (image) =>
        jsonBytes({ ...image, layers: [{ mediaType: 'a/b', digest: missingDigest(), size: -1 }] }),
    ],
    ['a subject of the wrong type', (image) => jsonBytes({ ...image, subject: 'x' })],
    [
      'a subject with a malformed digest',
      (image) => jsonBytes({ ...image, subject: { mediaType: TYPES.image, digest: 'x', size: 1 } }),
    ],
    ['a mediaType unlike its Content-Type', (image) => jsonBytes(image), TYPES.index],
    ['a mediaType of the wrong type', (image) => jsonBytes({ ...image, mediaType: 7 })],
    [
      'a hundred thousand nested arrays',
      () => textBytes(`{"schemaVersion":2,"x":${'['.repeat(100_000)}${']'.repeat(100_000)}}`),
    ],
  ]

  test.each(refusals.map(([what, make, type = TYPES.image]) => ({ what, make, type })))(
    'a manifest with $what is MANIFEST_INVALID',
    async ({ make, type }) => {
      const name = freshName()
      const bytes = make(await imageParts(name))
      const { status, codes } = await putManifest(name, 'v1', bytes, type)
      expect(status).toBe(400)
      expect(new Set(codes)).toEqual(new Set(['MANIFEST_INVALID']))
      expect((await call('GET', at(name, 'v1'))).status).toBe(404)
    },
  )

  test('schema 1 of Docker is refused by its name', async () => {
    const name = freshName()
    await pushBlob(name, freshBytes())
    const bytes = jsonBytes({ schemaVersion: 1, name, tag: 'v1', fsLayers: [], history: [] })
    for (const type of [TYPES.dockerSchema1, TYPES.dockerSchema1.replace('prettyjws', 'json')]) {
      const reply = await putManifest(name, 'v1', bytes, type)
      expect([reply.status, reply.codes]).toEqual([400, ['MANIFEST_INVALID']])
      expect(reply.json.errors[0].message).toContain('schema 1')
    }
  })

  test.each(['application/json', 'text/plain', 'application/vnd.example.unknown.v1+json'])(
    'a manifest of the unknown type %s is refused',
    async (type) => {
      const name = freshName()
      await pushBlob(name, freshBytes())
      const bytes = jsonBytes({ schemaVersion: 2, mediaType: type })
      const { status, codes } = await putManifest(name, 'v1', bytes, type)
      expect({ status, codes }).toEqual({ status: 400, codes: ['MANIFEST_INVALID'] })
    },
  )

  test('the artifact manifest that OCI took back is stored as it is, or refused with a reason', async () => {
    const name = freshName()
    await pushBlob(name, freshBytes())
    const type = 'application/vnd.oci.artifact.manifest.v1+json'
    const bytes = jsonBytes({ mediaType: type, artifactType: 'application/x', blobs: [] })
    const reply = await putManifest(name, 'v1', bytes, type)
    if (reply.status === 201) {
      expect((await call('GET', at(name, 'v1'))).digest).toBe(digestOf(bytes))
      return
    }
    expect([reply.status, reply.codes]).toEqual([400, ['MANIFEST_INVALID']])
    expect(reply.json.errors[0].message.length).toBeGreaterThan(20)
  })

  test('an image whose blobs are missing is refused, and each of them is named', async () => {
    const name = freshName()
    const here = freshBytes()
    await pushBlob(name, here)
    const [config, layer] = [freshBytes(), freshBytes()]
    const reply = await putManifest(name, 'v1', manifestOf(config, [here, layer]))
    expect(reply.status).toBe(400)
    expect(reply.codes).toEqual(['MANIFEST_BLOB_UNKNOWN', 'MANIFEST_BLOB_UNKNOWN'])
    const text = JSON.stringify(reply.json)
    for (const blob of [config, layer]) expect(text).toContain(digestOf(blob))
    expect(text).not.toContain(digestOf(here))
    expect((await call('GET', at(name, 'v1'))).status).toBe(404)
  })

  test('a blob of another repository is missing in this one', async () => {
    const [name, other] = [freshName(), freshName()]
    const config = freshBytes()
    await pushBlob(other, config)
    await pushBlob(name, freshBytes())
    const { status, codes } = await putManifest(name, 'v1', manifestOf(config, []))
    expect({ status, codes }).toEqual({ status: 400, codes: ['MANIFEST_BLOB_UNKNOWN'] })
  })

  test('a manifest that states the wrong size of a blob does not take the blob’s name in vain', async () => {
    const name = freshName()
    const config = freshBytes()
    await pushBlob(name, config)
    const manifest = {
      ...manifestOf(config, []),
      config: { ...descriptor(TYPES.config, config), size: config.length + 1 },
    }
    const { status } = await putManifest(name, 'v1', manifest)
    expect([201, 400]).toContain(status)
    expect((await call('GET', `/v2/${name}/blobs/${digestOf(config)}`)).bytes()).toHaveLength(
      config.length,
    )
  })
})

test('every answer about manifests has the form that OCI asks for', () => {
  expect(oddities.found).toEqual([])
})
