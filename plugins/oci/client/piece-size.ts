// SPDX-License-Identifier: AGPL-3.0-or-later
import { KiB, MiB } from '../../../core/units.ts'

const SMALLEST_BYTES = 256 * KiB
const LARGEST_BYTES = 32 * MiB
/** Of a blob: what one cut may cost at most while none has happened. */
const SHARE = 128

/**
 * How much to send in one request. A cut costs what was on its way: large pieces while the line
 * holds, and half as much after each cut, so that even ten of them cost some 2 % of the blob.
 * `leastBytes`: what the registry takes at least.
 */
export function pieceBytes(sizeBytes: number, cuts: number, leastBytes = 0): number {
  const bySize = Math.min(LARGEST_BYTES, sizeBytes / SHARE)
  const byLine = bySize / 2 ** Math.min(cuts, 20)
  return Math.ceil(Math.max(SMALLEST_BYTES, byLine, leastBytes))
}
