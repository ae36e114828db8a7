// SPDX-License-Identifier: AGPL-3.0-or-later
import { GOES_ON, IS_DIRECTORY, RECORD_HEAD, recordLength } from './directory-record.ts'
import { isoFaults } from './faults.ts'
import { SECTOR } from './sector.ts'
import type { Extent } from './volume.ts'

/** A directory record as read. */
export interface RawRecord {
  readonly extent: Extent
  readonly isDirectory: boolean
  /** The next record of the same name holds more of the file. */
  readonly goesOn: boolean
  readonly interleaved: boolean
  readonly identifier: Uint8Array
  readonly systemUse: Uint8Array
}

/** One record of a directory. */
export function decodeRecord(bytes: Uint8Array): RawRecord {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const identifierLength = view.getUint8(32)
  const head = recordLength(identifierLength)
  if (RECORD_HEAD + identifierLength > bytes.length)
    throw isoFaults.corrupt('a directory record of the image is shorter than its name')
  const flags = view.getUint8(25)
  return {
    // An extended attribute record goes before the data (ECMA-119 §9.1.2).
    extent: {
      start: (view.getUint32(2, true) + view.getUint8(1)) * SECTOR,
      length: view.getUint32(10, true),
    },
    isDirectory: (flags & IS_DIRECTORY) !== 0,
    goesOn: (flags & GOES_ON) !== 0,
    interleaved: view.getUint8(26) !== 0,
    identifier: bytes.subarray(RECORD_HEAD, RECORD_HEAD + identifierLength),
    systemUse: bytes.subarray(head),
  }
}

/** The records of a directory as they stand, `.` and `..` first. A record never crosses a sector. */
export function* splitRecords(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; ) {
    const length = bytes[at] ?? 0
    const left = Math.min(SECTOR - (at % SECTOR), bytes.length - at)
    if (length === 0) {
      at += left
      continue
    }
    if (length <= RECORD_HEAD || length > left)
      throw isoFaults.corrupt('a directory record of the image does not fit into its sector')
    yield bytes.subarray(at, at + length)
    at += length
  }
}

/** The same, read. */
export function* decodeRecords(bytes: Uint8Array): Generator<RawRecord> {
  for (const record of splitRecords(bytes)) yield decodeRecord(record)
}
