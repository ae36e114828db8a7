// SPDX-License-Identifier: AGPL-3.0-or-later
import { afterEach, beforeEach, expect, test } from 'bun:test'
import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { KiB, MiB } from '../../../core/units.ts'
import { createDisk } from './disk.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'slipway-disk-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const sha256 = (bytes: Uint8Array) => new Bun.CryptoHasher('sha256').update(bytes).digest('hex')
const random = (size: number) => randomBytes(size)

/** Copies, since their memory moves to the thread. */
const chunksOf = (bytes: Buffer, size: number) =>
  Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) =>
    Uint8Array.from(bytes.subarray(at * size, (at + 1) * size)),
  )

test.each([
  ['chunks of a network', 64 * KiB, 16 * KiB],
  ['more chunks than one call of the kernel takes', 40_000, 7],
  ['one chunk', 5_000, 5_000],
])('%s are in the file in their order, and hashed', async (_, size, chunk) => {
  using disk = createDisk()
  const bytes = random(size)
  const path = join(folder, 'data')
  const file = disk.open(path, 'sha256', 0)
  expect(await file.write(chunksOf(bytes, chunk))).toBe(size)
  expect(await file.finish()).toBe(sha256(bytes))
  expect(sha256(await readFile(path))).toBe(sha256(bytes))
})

const WHY = process.getuid?.() === 0 ? '' : ' (skipped: only root may mount)'

test.skipIf(WHY !== '')(
  `what the disk takes only a part of is an error, and the file is as before${WHY}`,
  async () => {
    await Bun.$`mount -t tmpfs -o size=1m tmpfs ${folder}`
    try {
      using disk = createDisk()
      const path = join(folder, 'data')
      const file = disk.open(path, 'sha256', 0)
      const first = random(300 * KiB)
      await file.write(chunksOf(first, 64 * KiB))
      // The kernel takes 724 KiB of it, which end within a chunk that is not the last.
      // Caught by hand: `expect(…).rejects` waits in a way that lets no thread answer.
      const failure = await file.write(chunksOf(random(MiB), 50 * KiB)).catch((error) => error)
      expect(failure).toMatchObject({ code: 'ENOSPC' })
      expect((await stat(path)).size).toBe(first.length)
      expect(sha256(await readFile(path))).toBe(sha256(first))
    } finally {
      await Bun.$`umount -l ${folder}`
    }
  },
)
