// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { GiB, KiB, MiB } from '../../../core/units.ts'
import { pieceBytes } from './piece-size.ts'

test.each([
  ['small blobs go in small pieces', 10 * MiB, 0, 0, 256 * KiB],
  ['a disk image goes in pieces of 16 MiB', 2 * GiB, 0, 0, 16 * MiB],
  ['no piece is larger than 32 MiB', 100 * GiB, 0, 0, 32 * MiB],
  ['each cut halves them', 2 * GiB, 2, 0, 4 * MiB],
  ['down to 256 KiB', 2 * GiB, 50, 0, 256 * KiB],
  ['never below what the registry takes', 2 * GiB, 50, 5 * MiB, 5 * MiB],
])('%s', (_, size, cuts, least, expected) => {
  expect(pieceBytes(size, cuts, least)).toBe(expected)
})

test('ten cuts at the worst moments cost less than 3 % of a large blob', () => {
  const lost = Array.from({ length: 10 }, (_, cuts) => pieceBytes(10 * GiB, cuts))
  expect(lost.reduce((sum, bytes) => sum + bytes, 0) / (10 * GiB)).toBeLessThan(0.03)
})
