// SPDX-License-Identifier: AGPL-3.0-or-later
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdir, mkdtemp, open, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { create } from 'tar'
import { digestOf } from '../store/digest.ts'
import { blobName, chooseManifest, isLayout, openLayout } from './layout.ts'
import { ANNOTATION, MEDIA } from './manifest.ts'
import { readBytes } from './read-text.ts'
import { tarEntries } from './tar-entries.ts'
import { readTree } from './tree.ts'

let folder: string
const bytesOf = (value: unknown) =>
  new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value))

/** Writes a blob into the layout; its descriptor. */
async function blob(value: unknown, mediaType: string) {
  const bytes = bytesOf(value)
  const digest = digestOf(bytes)
  await writeFile(join(folder, 'layout', blobName(digest)), bytes)
  return { mediaType, digest, size: bytes.byteLength }
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'slipway-layout-'))
  await mkdir(join(folder, 'layout/blobs/sha256'), { recursive: true })
  const config = await blob('{}', MEDIA.empty)
  const layer = await blob('layer', MEDIA.octets)
  const image = await blob(
    { schemaVersion: 2, mediaType: MEDIA.image, config, layers: [layer] },
    MEDIA.image,
  )
  const gone = { mediaType: MEDIA.image, digest: digestOf(bytesOf('gone')), size: 4 }
  const index = await blob({ schemaVersion: 2, manifests: [image, gone] }, MEDIA.index)
  const signature = await blob(
    { schemaVersion: 2, config, layers: [config], subject: image, artifactType: 'a/signature' },
    MEDIA.image,
  )
  const named = { ...index, annotations: { [ANNOTATION.refName]: '13' } }
  await writeFile(join(folder, 'layout/oci-layout'), '{"imageLayoutVersion":"1.0.0"}')
  await writeFile(
    join(folder, 'layout/index.json'),
    JSON.stringify({ schemaVersion: 2, manifests: [named, signature] }),
  )
  await create({ file: join(folder, 'layout.tar'), cwd: join(folder, 'layout') }, ['.'])
})
afterAll(() => rm(folder, { recursive: true, force: true }))

describe.each(['layout', 'layout.tar'])('%s', (name) => {
  test('is known as a layout, and read with its referrers; a platform left out is told', async () => {
    const path = join(folder, name)
    expect(await isLayout(path)).toBe(true)
    await using layout = await openLayout(path)
    const top = chooseManifest(layout, '13', path)
    const tree = await readTree(layout.content, top, { referrers: true })
    const order = tree.nodes.map(({ manifest }) => manifest.artifactType ?? manifest.kind)
    expect(order).toEqual(['image', 'a/signature', 'index'])
    expect(tree.absent).toHaveLength(1)
    expect(tree.blobs).toHaveLength(2)
    const source = layout.content.blob(tree.blobs[1] ?? top)
    const text = new TextDecoder().decode(await readBytes(source.open(1, 4)))
    expect(text).toBe('aye')
  })

  test('without a name that fits, it asks which one', async () => {
    await using layout = await openLayout(join(folder, name))
    expect(() => chooseManifest(layout, '14', name)).toThrow('--from')
  })
})

test('a file that is no tar is no layout', async () => {
  const path = join(folder, 'noise')
  await writeFile(path, new Uint8Array(5_000).fill(7))
  expect(await isLayout(path)).toBe(false)
  expect(openLayout(path)).rejects.toThrow('no OCI layout')
})

test('long names and sizes of a tar are read from its extended headers', async () => {
  const long = `${'d'.repeat(120)}/${'n'.repeat(150)}`
  const record = (text: string) => {
    let length = text.length + 3
    while (String(length).length + text.length + 2 !== length) length++
    return `${length} ${text}\n`
  }
  const pax = bytesOf(record(`path=${long}`) + record('size=5'))
  const path = join(folder, 'pax.tar')
  await writeFile(
    path,
    Buffer.concat([
      head('x', pax.length),
      padded(pax),
      head('0', 0),
      padded(bytesOf('12345')),
      new Uint8Array(1024),
    ]),
  )
  await using file = await open(path, 'r')
  const found = await Array.fromAsync(tarEntries(file))
  expect(found).toEqual([{ name: long, atBytes: 1536, sizeBytes: 5 }])
})

test('a tar that says more than it has ends there', async () => {
  const path = join(folder, 'short.tar')
  await writeFile(path, Buffer.concat([head('0', 9_999)]))
  await using file = await open(path, 'r')
  expect(await Array.fromAsync(tarEntries(file))).toEqual([])
})

function head(type: string, size: number): Uint8Array {
  const block = Buffer.alloc(512)
  block.write('short', 0)
  block.write(`${size.toString(8).padStart(11, '0')}\0`, 124)
  block.write(type, 156)
  block.write('ustar\u000000', 257)
  return block
}

function padded(bytes: Uint8Array): Uint8Array {
  const block = Buffer.alloc(Math.ceil(bytes.length / 512) * 512)
  block.set(bytes)
  return block
}
