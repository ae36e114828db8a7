// SPDX-License-Identifier: AGPL-3.0-or-later
import type { ByteSource } from './byte-source.ts'
import { readGpt } from './gpt.ts'
import { BLOCK, readMbr } from './mbr.ts'
import type { Patch } from './patches.ts'
import { FIRST_DESCRIPTOR, SECTOR } from './sector.ts'
import type { Extent } from './volume.ts'

/** The partition tables of an image that may be shown as a disk. */
export interface PartitionTables {
  /** Whole sectors that one more GPT takes at the end; 0 without one. */
  readonly backupBytes: number
  /** One more partition on a disk of `diskBytes`; `backup` are its last bytes. */
  append(
    partition: Extent & { readonly name: string },
    diskBytes: number,
  ): { readonly patches: readonly Patch[]; readonly backup: Uint8Array }
}

/** A number that no other partition has, the same for the same name (RFC 9562, version 8). */
function guidOf(name: string): Uint8Array {
  const guid = Uint8Array.from(new Bun.CryptoHasher('sha256').update(name).digest().subarray(0, 16))
  // The first three fields stand in little-endian order: the version is in byte 7.
  guid[7] = ((guid[7] ?? 0) & 0x0f) | 0x80
  guid[8] = ((guid[8] ?? 0) & 0x3f) | 0x80
  return guid
}

/** Reads the tables; an image that has none gets its first one. */
export async function readPartitionTables(source: ByteSource): Promise<PartitionTables> {
  const area = await source.read(0, FIRST_DESCRIPTOR * SECTOR)
  const imageBlocks = Math.ceil(source.sizeBytes / BLOCK)
  const mbr = readMbr(area.subarray(0, BLOCK), imageBlocks)
  const gpt = readGpt(area, imageBlocks)
  return {
    backupBytes: gpt?.backupBytes ?? 0,
    append({ start, length, name }, diskBytes) {
      const blocks = { start: start / BLOCK, count: length / BLOCK }
      const diskBlocks = diskBytes / BLOCK
      const inMbr = mbr.append(blocks, diskBlocks)
      if (!gpt) return { patches: [inMbr], backup: new Uint8Array(0) }
      const { patches, backup } = gpt.append({ ...blocks, name, guid: guidOf(name) }, diskBlocks)
      return { patches: [inMbr, ...patches], backup }
    },
  }
}
