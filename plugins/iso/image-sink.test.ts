// SPDX-License-Identifier: AGPL-3.0-or-later
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { MiB } from '../../core/units.ts'
import { ImageSink } from './image-sink.ts'
import { digest, temporaryFolder } from './real-tools.ts'
import { SECTOR } from './sector.ts'

let folder: Awaited<ReturnType<typeof temporaryFolder>>
beforeAll(async () => {
  folder = await temporaryFolder()
})
afterAll(() => folder[Symbol.asyncDispose]())

const content = (sizeBytes: number) =>
  Uint8Array.from({ length: sizeBytes }, (_, i) => (i * 31 + (i >> 12)) % 251)

/** Reads that end in the opposite order of their beginning, a few at a time. */
function reversed(bytes: Uint8Array) {
  const waiting: (() => void)[] = []
  const release = () => {
    for (const go of waiting.splice(0).reverse()) go()
  }
  return async (room: Uint8Array, at: number) => {
    const { promise, resolve } = Promise.withResolvers<void>()
    waiting.push(resolve)
    setImmediate(release)
    await promise
    room.set(bytes.subarray(at, at + room.length))
  }
}

test.each([
  0,
  SECTOR,
  MiB - SECTOR,
  MiB,
  MiB + SECTOR,
  2 * MiB,
  3 * MiB,
  7 * MiB,
  7 * MiB + SECTOR,
])(
  'an image of %d bytes is on disk as it was given, and its digest is right',
  async (sizeBytes) => {
    const path = join(folder.path, `${sizeBytes}`)
    const bytes = content(sizeBytes)
    const [written, copied] = [bytes.subarray(0, sizeBytes / 3), bytes.subarray(sizeBytes / 3)]
    await using file = await open(path, 'w')
    const sink = new ImageSink(file, sizeBytes)
    await sink.write(written)
    await sink.copy(copied.length, reversed(copied))
    expect(sink.position).toBe(sizeBytes)
    expect(await sink.end()).toBe(digest(bytes))
    expect(digest(await Bun.file(path).bytes())).toBe(digest(bytes))
  },
)

test('what stands between two contents is zero, whatever the buffer held before', async () => {
  const path = join(folder.path, 'gaps')
  const sizeBytes = 12 * MiB
  await using file = await open(path, 'w')
  const sink = new ImageSink(file, sizeBytes)
  await sink.write(content(5 * MiB + 1).fill(255))
  await sink.padTo((11 * MiB) / SECTOR)
  await sink.write(Uint8Array.of(7))
  await sink.padTo(sizeBytes / SECTOR)
  await sink.end()
  const expected = new Uint8Array(sizeBytes).fill(255, 0, 5 * MiB + 1)
  expected[11 * MiB] = 7
  expect(digest(await Bun.file(path).bytes())).toBe(digest(expected))
})

test('a content is never put over another one', async () => {
  await using file = await open(join(folder.path, 'over'), 'w')
  const sink = new ImageSink(file, MiB)
  await sink.write(new Uint8Array(SECTOR + 1))
  await expect(sink.padTo(1)).rejects.toThrow('already taken')
})

test('a read that fails ends the copy, once the others are over', async () => {
  await using file = await open(join(folder.path, 'failed'), 'w')
  const sink = new ImageSink(file, 8 * MiB)
  let underWay = 0
  const attempt = sink.copy(8 * MiB, async (_room, at) => {
    underWay++
    await new Promise((resolve) => setImmediate(resolve))
    underWay--
    if (at >= 2 * MiB) throw new Error('gone')
  })
  await expect(attempt).rejects.toThrow('gone')
  expect(underWay).toBe(0)
  await sink.abandon()
})

test('a copy behind a read that failed ends when its own reads are over', async () => {
  await using file = await open(join(folder.path, 'behind'), 'w')
  const sink = new ImageSink(file, MiB)
  await sink.begin(10, () => Promise.reject(new Error('gone')))
  let over = false
  const attempt = sink.copy(10, async () => {
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
    over = true
  })
  await expect(attempt).rejects.toThrow('gone')
  expect(over).toBe(true)
  await sink.abandon()
})

test('a read that goes on behind is in its place at the end, and its failure is told', async () => {
  const path = join(folder.path, 'behind')
  await using file = await open(path, 'w')
  const bytes = content(3 * MiB)
  const sink = new ImageSink(file, bytes.length)
  const fill = reversed(bytes)
  for (let at = 0; at < bytes.length; at += 1_000) {
    const size = Math.min(1_000, bytes.length - at)
    await sink.begin(size, (room, inside) => fill(room, at + inside))
  }
  expect(await sink.end()).toBe(digest(bytes))
  const failing = new ImageSink(file, SECTOR)
  await failing.begin(SECTOR, () => Promise.reject(new Error('gone')))
  await expect(failing.end()).rejects.toThrow('gone')
  await failing.abandon()
})

test('a disk that is full is told, also when only the last bytes do not fit', async () => {
  await using file = await open('/dev/full', 'w')
  for (const sizeBytes of [SECTOR, 4 * MiB]) {
    const sink = new ImageSink(file, sizeBytes)
    const attempt = sink.write(new Uint8Array(sizeBytes)).then(() => sink.end())
    await expect(attempt).rejects.toMatchObject({ code: 'ENOSPC' })
    await sink.abandon()
  }
})
