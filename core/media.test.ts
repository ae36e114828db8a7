// SPDX-License-Identifier: AGPL-3.0-or-later
import { afterAll, expect, test } from 'bun:test'
import { mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type MediaImage, openImage, readImage } from './media.ts'
import { KiB } from './units.ts'

const folder = mkdtempSync(join(tmpdir(), 'slipway-image-'))
afterAll(() => rmSync(folder, { recursive: true }))

const bytes = Buffer.from(Uint8Array.from({ length: 2_000 * KiB }, (_, index) => (index * 7) % 251))
const file = join(folder, 'bytes')
writeFileSync(file, bytes)

/** The bytes in another order: the end of the file before its beginning, and nothing in between. */
const image: MediaImage = {
  sizeBytes: bytes.length,
  etag: '"x"',
  modifiedAt: 0,
  segments: [
    { file, start: 500_000, length: bytes.length - 500_000 },
    { file, start: 0, length: 0 },
    { file, start: 0, length: 500_000 },
  ],
  regions: [],
}
const expected = Buffer.concat([bytes.subarray(500_000), bytes.subarray(0, 500_000)])

const openHere = () =>
  readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === file
    } catch {
      return false
    }
  }).length

const seam = bytes.length - 500_000
test.each([
  ['all of it', undefined, undefined],
  ['one byte', 5, 6],
  ['nothing', 5, 5],
  ['a stretch over the seam', seam - 3, seam + 3],
  ['the last byte', bytes.length - 1, undefined],
  ['more than there is', 100, bytes.length + 100],
])('%s is read as it stands', async (_name, start, end) => {
  const pieces = await Array.fromAsync(readImage(image, start, end))
  expect(Buffer.concat(pieces).equals(expected.subarray(start ?? 0, end))).toBe(true)
})

test('pieces grow to the largest, and every one is a buffer of its own', async () => {
  const pieces = await Array.fromAsync(readImage(image, 0, seam))
  expect(pieces.slice(0, 5).map(({ length }) => length / KiB)).toEqual([64, 128, 256, 512, 512])
  expect(new Set(pieces.map(({ buffer }) => buffer)).size).toBe(pieces.length)
})

test('a loop that ends early leaves no file open', async () => {
  for await (const piece of readImage(image)) {
    expect([piece.length, openHere()]).toEqual([64 * KiB, 1])
    break
  }
  expect(openHere()).toBe(0)
})

test('a file that is shorter than its segment says is an error, not a short image', async () => {
  const longer = { ...image, segments: [{ file, start: 1, length: bytes.length }] }
  await expect(Array.fromAsync(readImage(longer))).rejects.toThrow('is shorter than its image says')
})

test('a reader at random fills what it is given, and holds one file at a time', async () => {
  {
    await using reader = openImage(image)
    const room = new Uint8Array(10)
    for (const at of [seam, 0, seam - 4, 0, bytes.length - 3]) {
      const length = await reader.read(room, at)
      expect(length).toBe(at === seam - 4 ? 4 : at === bytes.length - 3 ? 3 : 10)
      expect(expected.subarray(at, at + length).equals(room.subarray(0, length))).toBe(true)
      expect(openHere()).toBe(1)
    }
    expect(await reader.read(room, bytes.length)).toBe(0)
  }
  expect(openHere()).toBe(0)
})
