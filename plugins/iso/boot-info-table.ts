// SPDX-License-Identifier: AGPL-3.0-or-later
import { isoFaults } from './faults.ts'
import { Fields } from './fields.ts'
import { FIRST_DESCRIPTOR } from './sector.ts'

/** The table fills bytes 8 to 63; what it sums up begins here. */
const TABLE_END = 64

/** A BIOS image larger than this is a mistake, in bytes: it is held in memory to be patched. */
export const LARGEST_PATCHED = 33_554_432

/** A copy of the boot image that knows where it stands: descriptor, own sector, length, checksum. */
export function withBootInfoTable(image: Uint8Array, lba: number): Uint8Array<ArrayBuffer> {
  if (image.length < TABLE_END)
    throw isoFaults.invalid(
      'the BIOS image is too short for a boot info table; leave the table out',
    )
  const patched = new Fields(image.slice())
  const rest = image.slice(TABLE_END)
  let sum = 0
  for (let i = 0; i < rest.length; i += 1)
    sum = (sum + (rest[i] ?? 0) * 2 ** (8 * (i % 4))) % 2 ** 32
  patched
    .put(8, new Uint8Array(TABLE_END - 8))
    .le32(8, FIRST_DESCRIPTOR)
    .le32(12, lba)
    .le32(16, image.length)
    .le32(20, sum)
  return patched.bytes
}
