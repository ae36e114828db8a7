// SPDX-License-Identifier: AGPL-3.0-or-later
import { notComposable } from './faults.ts'
import { Fields, utf8 } from './fields.ts'
import { BLOCK, type Blocks } from './mbr.ts'
import type { Patch } from './patches.ts'
import { roundUp } from './sector.ts'

/** Smallest header, and what of it is known (UEFI §5.3.2). */
const HEADER = 92
const ENTRY = 128
const LONGEST_NAME = 36
/** 0FC63DAF-8483-4772-8E79-3D69D8477DE4, a file system of Linux, in its byte order on disk. */
const LINUX = Uint8Array.from(Buffer.from('af3dc60f838472478e793d69d8477de4', 'hex'))

export interface GptPartition extends Blocks {
  readonly name: string
  /** 16 bytes. */
  readonly guid: Uint8Array
}

export interface Gpt {
  /** Whole sectors of the ISO that the backup takes at the end of the disk. */
  readonly backupBytes: number
  /** Header and entries with one more partition; `backup` is the end of a disk of `diskBlocks`. */
  append(
    partition: GptPartition,
    diskBlocks: number,
  ): { readonly patches: readonly Patch[]; readonly backup: Uint8Array }
}

interface Header {
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly entriesBlock: number
  readonly entrySize: number
  readonly entries: Uint8Array<ArrayBuffer>
}

const crc = (bytes: Uint8Array) => Bun.hash.crc32(bytes)

/** Bytes of a header with its own checksum in it, which counts as 0 while it is made. */
function sealed(fields: Fields): Uint8Array {
  fields.le32(16, 0)
  return fields.le32(16, crc(fields.bytes)).bytes
}

/** Undefined when there is none. `area` holds what stands before the first descriptor. */
function readHeader(area: Uint8Array): Header | undefined {
  if (Buffer.compare(area.subarray(BLOCK, BLOCK + 8), utf8('EFI PART')) !== 0) return undefined
  const view = new DataView(area.buffer, area.byteOffset, area.byteLength)
  const damaged = (what: string) => notComposable(`the ${what} of its GPT is damaged`)
  const size = view.getUint32(BLOCK + 12, true)
  if (size < HEADER || size > BLOCK) throw damaged('header')
  const bytes = Uint8Array.from(area.subarray(BLOCK, BLOCK + size))
  if (Buffer.compare(sealed(new Fields(bytes.slice())), bytes) !== 0) throw damaged('header')
  const entriesBlock = Number(view.getBigUint64(BLOCK + 72, true))
  const [count, entrySize] = [view.getUint32(BLOCK + 80, true), view.getUint32(BLOCK + 84, true)]
  const start = entriesBlock * BLOCK
  const isInside = start >= 2 * BLOCK && start + count * entrySize <= area.length
  if (entrySize < ENTRY || !isInside) throw damaged('place of the entries')
  const entries = Uint8Array.from(area.subarray(start, start + count * entrySize))
  if (crc(entries) !== view.getUint32(BLOCK + 88, true)) throw damaged('list of entries')
  return { bytes, entriesBlock, entrySize, entries }
}

function encodeEntry({ start, count, name, guid }: GptPartition): Uint8Array {
  const fields = new Fields(ENTRY)
    .put(0, LINUX)
    .put(16, guid)
    .le64(32, start)
    .le64(40, start + count - 1)
  const letters = name.slice(0, LONGEST_NAME)
  for (let i = 0; i < letters.length; i += 1) fields.le16(56 + 2 * i, letters.charCodeAt(i))
  return fields.bytes
}

/** Offset of the first entry that is in use by nobody. Throws when a partition ends behind the image. */
function freeEntry({ entries, entrySize }: Header, imageBlocks: number): number {
  const view = new DataView(entries.buffer)
  let free: number | undefined
  for (let at = 0; at < entries.length; at += entrySize) {
    const isUsed = entries.subarray(at, at + 16).some((byte) => byte !== 0)
    if (!isUsed) free ??= at
    else if (view.getBigUint64(at + 40, true) >= BigInt(imageBlocks))
      throw notComposable('it has a partition that ends behind its end: it was cut short')
  }
  if (free === undefined) throw notComposable('its GPT has no free entry')
  return free
}

/** Reads the GPT of an image that ends at `imageBlocks`; undefined when it has none. */
export function readGpt(area: Uint8Array, imageBlocks: number): Gpt | undefined {
  const header = readHeader(area)
  if (!header) return undefined
  const { bytes, entriesBlock, entries } = header
  const entryPlace = freeEntry(header, imageBlocks)
  const entriesBlocks = Math.ceil(entries.length / BLOCK)
  const backupBytes = roundUp((entriesBlocks + 1) * BLOCK)

  return {
    backupBytes,
    append(partition, diskBlocks) {
      const last = diskBlocks - 1
      const list = new Fields(entries.slice()).put(entryPlace, encodeEntry(partition)).bytes
      const common = () =>
        new Fields(bytes.slice()).le64(48, last - entriesBlocks - 1).le32(88, crc(list))
      const primary = sealed(common().le64(32, last))
      const second = sealed(
        common()
          .le64(24, last)
          .le64(32, 1)
          .le64(72, last - entriesBlocks),
      )
      const backup = new Uint8Array(backupBytes)
      backup.set(list, backupBytes - BLOCK * (entriesBlocks + 1))
      backup.set(second, backupBytes - BLOCK)
      return {
        patches: [
          { start: BLOCK, bytes: primary },
          { start: entriesBlock * BLOCK, bytes: list },
        ],
        backup,
      }
    },
  }
}
