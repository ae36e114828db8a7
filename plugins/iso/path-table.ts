// SPDX-License-Identifier: AGPL-3.0-or-later
import { isoFaults } from './faults.ts'
import { Fields } from './fields.ts'

/** A directory as it stands in a path table (ECMA-119 §9.4). */
export interface PathEntry {
  readonly identifier: Uint8Array
  readonly lba: number
  /** From 1; the root is its own parent. */
  readonly parentNumber: number
}

/** Bytes of the record of one directory. */
export const pathTableRecord = (identifierLength: number) =>
  8 + identifierLength + (identifierLength % 2)

/** A path table of one byte order; the entries stand in their order: by level, parent, name. */
export function encodePathTable(entries: readonly PathEntry[], order: 'le' | 'be'): Uint8Array {
  const sizeBytes = entries.reduce((sum, each) => sum + pathTableRecord(each.identifier.length), 0)
  const table = new Fields(sizeBytes)
  let at = 0
  for (const { identifier, lba, parentNumber } of entries) {
    table.u8(at, identifier.length).put(at + 8, identifier)
    if (order === 'le') table.le32(at + 2, lba).le16(at + 6, parentNumber)
    else table.be32(at + 2, lba).be16(at + 6, parentNumber)
    at += pathTableRecord(identifier.length)
  }
  return table.bytes
}

/** Reads a table of type L. Throws `iso.corrupt` when a directory comes before its parent. */
export function decodePathTable(bytes: Uint8Array): PathEntry[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const entries: PathEntry[] = []
  for (let at = 0; at < bytes.length; ) {
    const length = view.getUint8(at)
    if (length === 0 || at + 8 + length > bytes.length)
      throw isoFaults.corrupt('the path table of the image does not end where it says')
    const parentNumber = view.getUint16(at + 6, true)
    if (parentNumber < 1 || parentNumber > Math.max(1, entries.length))
      throw isoFaults.corrupt('the path table of the image names a directory before its parent')
    // An extended attribute record goes before the directory.
    const lba = view.getUint32(at + 2, true) + view.getUint8(at + 1)
    entries.push({ identifier: bytes.subarray(at + 8, at + 8 + length), lba, parentNumber })
    at += pathTableRecord(length)
  }
  return entries
}
