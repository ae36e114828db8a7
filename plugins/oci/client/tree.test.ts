// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { digestOf } from '../store/digest.ts'
import type { Content } from './content.ts'
import { type Descriptor, MEDIA, parseManifest } from './manifest.ts'
import { choosePlatform, readTree } from './tree.ts'

const documents = new Map<string, Uint8Array>()
function put(value: object, mediaType: string = MEDIA.image): Descriptor {
  const bytes = new TextEncoder().encode(JSON.stringify({ schemaVersion: 2, ...value }))
  const digest = digestOf(bytes)
  documents.set(digest, bytes)
  return { mediaType, digest, size: bytes.length }
}
const content: Content = {
  name: 'here',
  async manifest({ digest, mediaType }) {
    const bytes = documents.get(digest)
    return bytes && { bytes, mediaType, digest }
  },
  blob: (blob) => ({
    ...{ blob, name: blob.digest },
    async *open() {
      yield new Uint8Array()
    },
  }),
  referrers: async () => [],
}
const layer = (name: string, more: object = {}): Descriptor => ({
  ...{ mediaType: MEDIA.octets, digest: digestOf(new TextEncoder().encode(name)), size: 1 },
  ...more,
})
const image = (...layers: Descriptor[]) =>
  put({ mediaType: MEDIA.image, config: layer('config'), layers })
const on = (descriptor: Descriptor, os: string, architecture: string, variant?: string) => ({
  ...descriptor,
  platform: { os, architecture, ...(variant === undefined ? {} : { variant }) },
})

test('children stand before parents, and no blob twice; foreign layers stay where they are', async () => {
  const shared = layer('shared')
  const foreign = layer('foreign', { urls: ['https://elsewhere.example/x'] })
  const [a, b] = [image(shared, layer('a')), image(shared, foreign)]
  const inner = put({ mediaType: MEDIA.index, manifests: [b] }, MEDIA.index)
  const top = put({ mediaType: MEDIA.index, manifests: [a, inner, a] }, MEDIA.index)
  const tree = await readTree(content, top)
  expect(tree.nodes.map(({ descriptor }) => descriptor.digest)).toEqual(
    [a, b, inner, top].map(({ digest }) => digest),
  )
  expect(tree.blobs.map(({ digest }) => digest)).toEqual(
    [layer('config'), shared, layer('a')].map(({ digest }) => digest),
  )
})

test('indexes that nest without end are refused', async () => {
  let top = put({ mediaType: MEDIA.index, manifests: [] }, MEDIA.index)
  for (let depth = 0; depth < 20; depth++) {
    top = put({ mediaType: MEDIA.index, manifests: [top] }, MEDIA.index)
  }
  expect(readTree(content, top)).rejects.toThrow('nest too deeply')
})

test('a platform is chosen by system, architecture and, where said, variant', () => {
  const manifests = [
    on(image(layer('1')), 'linux', 'amd64'),
    on(image(layer('2')), 'linux', 'arm64', 'v8'),
    image(layer('3')),
  ]
  const bytes = new TextEncoder().encode(JSON.stringify({ schemaVersion: 2, manifests }))
  const index = parseManifest(bytes, MEDIA.index, 'it')
  expect(choosePlatform(index, 'linux/arm64', 'it').digest).toBe(manifests[1]?.digest ?? '')
  expect(choosePlatform(index, 'linux/arm64/v8', 'it').digest).toBe(manifests[1]?.digest ?? '')
  expect(() => choosePlatform(index, 'linux/arm64/v7', 'it')).toThrow(
    'it has nothing for linux/arm64/v7; it has linux/amd64, linux/arm64',
  )
})

test.each([
  ['no JSON', 'x'],
  ['another schema', '{"schemaVersion":1}'],
  [
    'a digest that is none',
    `{"schemaVersion":2,"config":{"mediaType":"a","digest":"md5:1","size":1}}`,
  ],
  [
    'a size below nothing',
    `{"schemaVersion":2,"layers":[{"mediaType":"a","digest":"${digestOf(new Uint8Array())}","size":-1}]}`,
  ],
])('%s is no manifest', (_, text) => {
  expect(() => parseManifest(new TextEncoder().encode(text), '', 'it')).toThrow('it is no manifest')
})
