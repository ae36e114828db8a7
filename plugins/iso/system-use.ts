// SPDX-License-Identifier: AGPL-3.0-or-later
import { isoFaults } from './faults.ts'
import { SECTOR } from './sector.ts'

/** A system use entry as read: signature and what follows the version byte. */
export interface SystemUseEntry {
  readonly signature: string
  readonly data: Uint8Array
}

/** Continuation areas of one record that we follow; three hold any name and link. */
const MOST_AREAS = 16
/** Largest continuation area, in bytes; Linux takes no more than a sector. */
const LARGEST_AREA = 2 * SECTOR

const decoder = new TextDecoder()
const u32 = (bytes: Uint8Array, at: number) =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(at, true)

interface Continuation {
  readonly start: number
  readonly length: number
}

function parseArea(bytes: Uint8Array, into: SystemUseEntry[]): Continuation | undefined {
  let next: Continuation | undefined
  for (let at = 0; at + 4 <= bytes.length; ) {
    const length = bytes[at + 2] ?? 0
    // Padding, or the application's own bytes: nothing of ours follows.
    if (length < 4 || at + length > bytes.length) break
    const signature = decoder.decode(bytes.subarray(at, at + 2))
    const data = bytes.subarray(at + 4, at + length)
    if (signature === 'ST') break
    if (signature === 'CE' && data.length >= 24)
      next = { start: u32(data, 0) * SECTOR + u32(data, 8), length: u32(data, 16) }
    else into.push({ signature, data })
    at += length
  }
  return next
}

/** All entries of one record, with those that stand in continuation areas; `read` gets their bytes. */
export async function readSystemUse(
  bytes: Uint8Array,
  read: (start: number, length: number) => Promise<Uint8Array>,
): Promise<readonly SystemUseEntry[]> {
  const entries: SystemUseEntry[] = []
  let next = parseArea(bytes, entries)
  for (let areas = 0; next; areas += 1) {
    if (areas === MOST_AREAS || next.length > LARGEST_AREA)
      throw isoFaults.corrupt('the image has a record whose continuation areas do not end')
    next = parseArea(await read(next.start, next.length), entries)
  }
  return entries
}

/** Bytes to skip in every record's system use area, when the root says that it is shared (SUSP §5.3). */
export function sharingOffset(rootSystemUse: Uint8Array): number | undefined {
  // CD-ROM XA puts 14 bytes of its own before.
  for (const at of [0, 14]) {
    const [s, p, length, , be, ef, skip] = rootSystemUse.subarray(at, at + 7)
    if (s === 0x53 && p === 0x50 && length === 7 && be === 0xbe && ef === 0xef) return skip
  }
  return undefined
}
