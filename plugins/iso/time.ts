// SPDX-License-Identifier: AGPL-3.0-or-later
import { utf8 } from './fields.ts'

/** Unix ms that stands in images when the caller names no time, so that the same input gives the same bytes. */
export const FIXED_TIME = Date.UTC(2020, 0, 1)

/** Numerical date of directory records and Rock Ridge (ECMA-119 §9.1.5): 7 bytes, UTC. */
export function recordTime(unixMs: number): Uint8Array {
  const date = new Date(unixMs)
  return Uint8Array.of(
    date.getUTCFullYear() - 1900,
    date.getUTCMonth() + 1,
    date.getUTCDate(),
    date.getUTCHours(),
    date.getUTCMinutes(),
    date.getUTCSeconds(),
    0,
  )
}

/** Date of volume descriptors (ECMA-119 §8.4.26.1): 16 digits and the offset from UTC. */
export function descriptorTime(unixMs: number): Uint8Array {
  const digits = new Date(unixMs).toISOString().replace(/\D/g, '').slice(0, 16)
  return Uint8Array.of(...utf8(digits), 0)
}

/** "Not specified" in a volume descriptor. */
export const NO_TIME = Uint8Array.of(...utf8('0'.repeat(16)), 0)
