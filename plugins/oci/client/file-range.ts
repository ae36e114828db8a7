// SPDX-License-Identifier: AGPL-3.0-or-later
import type { FileHandle } from 'node:fs/promises'
import { KiB } from '../../../core/units.ts'
import { clientFaults } from './faults.ts'

const PIECE_BYTES = 512 * KiB

/** The bytes `[fromBytes, toBytes)` of a file. Throws when it ends earlier. */
export async function* readFileRange(
  file: FileHandle,
  fromBytes: number,
  toBytes: number,
): AsyncGenerator<Uint8Array> {
  for (let at = fromBytes; at < toBytes; ) {
    // Whoever takes a piece may keep it: no buffer is used twice.
    const piece = Buffer.allocUnsafeSlow(Math.min(PIECE_BYTES, toBytes - at))
    const { bytesRead } = await file.read(piece, 0, piece.byteLength, at)
    if (bytesRead === 0) {
      throw clientFaults.content('a file became shorter while it was read: do it again')
    }
    at += bytesRead
    yield piece.subarray(0, bytesRead)
  }
}
