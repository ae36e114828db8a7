// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { tmpdir } from 'node:os'
import { Fault } from '../../../core/faults.ts'
import { GiB } from '../../../core/units.ts'
import { createWatermark } from './watermark.ts'

const watermark = (
  parts: { reserveBytes?: number; expected?: number; clock?: () => number } = {},
) =>
  createWatermark({
    folder: tmpdir(),
    reserveBytes: parts.reserveBytes ?? 0,
    expected: () => parts.expected ?? 0,
    ...(parts.clock ? { clock: parts.clock } : {}),
  })

const codeOf = async (work: () => unknown) => {
  try {
    await work()
    return undefined
  } catch (error) {
    return error instanceof Fault ? error.code : error
  }
}

test('what fits is admitted, and what does not is refused before a byte is taken', async () => {
  const { freeBytes } = await watermark().space()
  expect(await codeOf(() => watermark().admit(1))).toBeUndefined()
  expect(await codeOf(() => watermark().admit(freeBytes + 100 * GiB))).toBe('oci.storage-full')
})

test('what others have announced is not given away twice', async () => {
  const { freeBytes } = await watermark().space()
  const crowded = watermark({ expected: freeBytes + 100 * GiB })
  expect(await codeOf(() => crowded.admit(0))).toBe('oci.storage-full')
})

test('the reserve is kept free, but never more than a twentieth of the disk', async () => {
  const { totalBytes, reserveBytes } = await watermark({ reserveBytes: 10 ** 15 }).space()
  expect(reserveBytes).toBe(Math.floor(totalBytes / 20))
  expect((await watermark({ reserveBytes: 1_000 }).space()).reserveBytes).toBe(1_000)
})

test('what came since the last look is not given away again before the next', async () => {
  let at = 0
  const mark = watermark({ clock: () => at })
  expect(await codeOf(() => mark.came(2 ** 52))).toBeUndefined() // nothing is known yet
  const { freeBytes } = await mark.space()
  expect(await codeOf(() => mark.came(1))).toBeUndefined()
  expect(await codeOf(() => mark.came(freeBytes + 100 * GiB))).toBe('oci.storage-full')
  // Whoever comes anew makes it look again: nothing of that is on the disk.
  expect(await codeOf(() => mark.admit(1))).toBeUndefined()
  expect(await codeOf(() => mark.came(1))).toBeUndefined()
  at = 5_001
  // By a look so old nobody is refused.
  expect(await codeOf(() => mark.came(2 ** 52))).toBeUndefined()
})
