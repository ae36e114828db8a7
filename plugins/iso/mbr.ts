// SPDX-License-Identifier: AGPL-3.0-or-later
import { notComposable } from './faults.ts'
import { Fields } from './fields.ts'
import type { Patch } from './patches.ts'

/** Sector of a disk, in bytes, whatever the ISO's own has. */
export const BLOCK = 512

const TABLE = 446
const ENTRY = 16
const SIGNATURE = 510
const PROTECTIVE = 0xee
/** A file system of Linux; what is in it says the file system itself. */
const LINUX = 0x83
const MOST_BLOCKS = 0xffff_ffff

/** A partition in blocks of 512 bytes. */
export interface Blocks {
  readonly start: number
  readonly count: number
}

export interface Mbr {
  /** The table and its signature with one more partition on a disk of `diskBlocks`; the boot code stays. */
  append(partition: Blocks, diskBlocks: number): Patch
}

/** Cylinders, heads and sectors of an entry that only its numbers describe. */
const BY_NUMBER = Uint8Array.of(0xfe, 0xff, 0xff)

function entriesOf(block: Uint8Array) {
  const view = new DataView(block.buffer, block.byteOffset, block.byteLength)
  return [0, 1, 2, 3].map((index) => {
    const at = TABLE + ENTRY * index
    return {
      at,
      status: view.getUint8(at),
      type: view.getUint8(at + 4),
      start: view.getUint32(at + 8, true),
      count: view.getUint32(at + 12, true),
    }
  })
}

/** Reads the first block of an image that ends at `imageBlocks`; a table that is not there is an empty one. */
export function readMbr(block: Uint8Array, imageBlocks: number): Mbr {
  const entries = entriesOf(block)
  const isSigned = block[SIGNATURE] === 0x55 && block[SIGNATURE + 1] === 0xaa
  if (!isSigned && block.subarray(TABLE, BLOCK).some((byte) => byte !== 0))
    throw notComposable('other bytes stand where its partition table would be')
  if (entries.some(({ status }) => status !== 0 && status !== 0x80))
    throw notComposable('its partition table is damaged')
  const protective = entries.find(({ type }) => type === PROTECTIVE)
  for (const { type, start, count } of entries) {
    if (type !== PROTECTIVE && start + count > imageBlocks)
      throw notComposable('it has a partition that ends behind its end: it was cut short')
  }
  // The last one: some take the start of the first partition for the place of the whole ISO (libisoburn).
  const free = entries.findLast(({ type, count }) => type === 0 && count === 0)
  if (!protective && !free) throw notComposable('its partition table has no free entry')

  return {
    append(partition, diskBlocks) {
      const fields = new Fields(Uint8Array.from(block.subarray(TABLE, BLOCK)))
      // The protective one covers the disk, and what is in it the GPT says.
      if (protective) {
        const count = Math.min(diskBlocks - protective.start, MOST_BLOCKS)
        fields.le32(protective.at + 12 - TABLE, count)
      } else if (free) {
        fields
          .put(free.at - TABLE, new Uint8Array(ENTRY))
          .put(free.at + 1 - TABLE, BY_NUMBER)
          .u8(free.at + 4 - TABLE, LINUX)
          .put(free.at + 5 - TABLE, BY_NUMBER)
          .le32(free.at + 8 - TABLE, partition.start)
          .le32(free.at + 12 - TABLE, partition.count)
      }
      fields.u8(SIGNATURE - TABLE, 0x55).u8(SIGNATURE + 1 - TABLE, 0xaa)
      return { start: TABLE, bytes: fields.bytes }
    },
  }
}
