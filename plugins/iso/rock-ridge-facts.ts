// SPDX-License-Identifier: AGPL-3.0-or-later
import type { SystemUseEntry } from './system-use.ts'

/** What Rock Ridge says of one record. */
export interface RockRidgeFacts {
  readonly name: string | undefined
  readonly mode: number | undefined
  /** Target of a symbolic link. */
  readonly target: string | undefined
  /** Sector of a directory that was moved because it lay too deep (RRIP §4.1.5). */
  readonly movedTo: number | undefined
  /** The record is the place to which such a directory was moved. */
  readonly relocated: boolean
}

const CONTINUE = 1
const decoder = new TextDecoder()

const u32 = (data: Uint8Array | undefined) =>
  data && data.length >= 4
    ? new DataView(data.buffer, data.byteOffset, data.byteLength).getUint32(0, true)
    : undefined

function join(pieces: readonly Uint8Array[]): string {
  return decoder.decode(Buffer.concat(pieces))
}

/** Components of all SL entries (RRIP §4.1.3.1), put together to a path. */
function linkTarget(entries: readonly Uint8Array[]): string | undefined {
  if (entries.length === 0) return undefined
  const parts: string[] = []
  let pieces: Uint8Array[] = []
  for (const data of entries) {
    for (let at = 1; at + 2 <= data.length; ) {
      const flags = data[at] ?? 0
      const length = data[at + 1] ?? 0
      pieces.push(data.subarray(at + 2, at + 2 + length))
      at += 2 + length
      if ((flags & CONTINUE) !== 0) continue
      parts.push(flags & 8 ? '' : flags & 4 ? '..' : flags & 2 ? '.' : join(pieces))
      pieces = []
    }
  }
  return parts.length === 1 && parts[0] === '' ? '/' : parts.join('/')
}

/** Reads the entries that matter here; the others are left alone. */
export function rockRidgeFacts(entries: readonly SystemUseEntry[]): RockRidgeFacts {
  const of = (signature: string) =>
    entries.filter((entry) => entry.signature === signature).map((entry) => entry.data)
  // Flags 2 and 4 of NM stand for `.` and `..`: no name.
  const names = of('NM').filter((data) => ((data[0] ?? 0) & 6) === 0)
  return {
    name: names.length > 0 ? join(names.map((data) => data.subarray(1))) : undefined,
    mode: u32(of('PX')[0]),
    target: linkTarget(of('SL')),
    movedTo: u32(of('CL')[0]),
    relocated: of('RE').length > 0,
  }
}
