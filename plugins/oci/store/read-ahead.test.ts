// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { MiB } from '../../../core/units.ts'
import { createDisk } from './disk.ts'
import { createReadAhead } from './read-ahead.ts'

const SIZE = 48 * MiB

/** Bytes of the file that lie in the page cache. */
const cached = async (path: string) =>
  Number(await Bun.$`fincore --bytes --noheadings --output RES ${path}`.text())

test('a cold blob is in the page cache soon after a pull began, and a part only from where it begins', async () => {
  // On a disk: memory-backed storage is always there.
  const folder = await mkdtemp('/var/tmp/slipway-ahead-')
  using disk = createDisk()
  try {
    for (const start of [0, 24 * MiB]) {
      const path = join(folder, `from-${start}`)
      await writeFile(path, new Uint8Array(SIZE).fill(3), { flush: true })
      await Bun.$`dd if=${path} iflag=nocache count=0`.quiet()
      expect(await cached(path)).toBe(0)
      createReadAhead(disk).begin(path, start, SIZE)
      const deadline = performance.now() + 20_000
      while ((await cached(path)) < SIZE - start && performance.now() < deadline) {
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
      expect(await cached(path)).toBe(SIZE - start)
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}, 60_000)

test('a blob is read ahead once at a time, and again by the next pull', async () => {
  const asked: string[] = []
  const ends: (() => void)[] = []
  const readAhead = (path: string) => {
    asked.push(path)
    return new Promise<void>((resolve) => void ends.push(resolve))
  }
  const ahead = createReadAhead({ readAhead })
  const settled = async (count: number) => {
    while (asked.length < count) await new Promise((resolve) => setImmediate(resolve))
  }
  ahead.begin('/a', 0, SIZE)
  ahead.begin('/a', 8 * MiB, SIZE)
  ahead.begin('/b', 0, SIZE)
  ahead.begin('/small', 0, MiB)
  await settled(2)
  expect(asked.toSorted()).toEqual(['/a', '/b'])
  for (const end of ends) end()
  await new Promise((resolve) => setImmediate(resolve))
  ahead.begin('/a', 0, SIZE)
  await settled(3)
  expect(asked.at(-1)).toBe('/a')
})
