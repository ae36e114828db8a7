// SPDX-License-Identifier: AGPL-3.0-or-later
import { Fields } from './fields.ts'
import { recordTime } from './time.ts'

/** Fixed part of a directory record (ECMA-119 §9.1). */
export const RECORD_HEAD = 33
/** The record's length is one byte, and even. */
export const LONGEST_RECORD = 254

/** Flags of ECMA-119 §9.1.6. */
export const IS_DIRECTORY = 2
export const GOES_ON = 128

/** Length of a record without its system use area. */
export const recordLength = (identifierLength: number) =>
  RECORD_HEAD + identifierLength + (identifierLength % 2 === 0 ? 1 : 0)

export interface DirectoryRecord {
  readonly lba: number
  readonly sizeBytes: number
  readonly flags: number
  readonly identifier: Uint8Array
  readonly modifiedAt: number
  readonly systemUse: readonly Uint8Array[]
}

/** One directory record; the caller has made sure that it fits. */
export function encodeRecord(record: DirectoryRecord): Uint8Array<ArrayBuffer> {
  const { identifier, systemUse } = record
  const head = recordLength(identifier.length)
  const used = systemUse.reduce((sum, entry) => sum + entry.length, head)
  const fields = new Fields(used + (used % 2))
    .u8(0, used + (used % 2))
    .both32(2, record.lba)
    .both32(10, record.sizeBytes)
    .put(18, recordTime(record.modifiedAt))
    .u8(25, record.flags)
    .both16(28, 1)
    .u8(32, identifier.length)
    .put(RECORD_HEAD, identifier)
  let at = head
  for (const entry of systemUse) {
    fields.put(at, entry)
    at += entry.length
  }
  return fields.bytes
}
