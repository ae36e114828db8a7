// SPDX-License-Identifier: AGPL-3.0-or-later
import { MiB } from '../../../core/units.ts'
import { clientFaults } from './faults.ts'

/** More than any document of a registry may have: manifests are held to 4 MiB by most. */
export const LARGEST_DOCUMENT_BYTES = 16 * MiB

/** A whole document. Throws `oci-client.too-large` rather than fill the memory. */
export async function readBytes(
  body: AsyncIterable<Uint8Array>,
  mostBytes = LARGEST_DOCUMENT_BYTES,
): Promise<Uint8Array> {
  const pieces: Uint8Array[] = []
  let sizeBytes = 0
  for await (const piece of body) {
    sizeBytes += piece.byteLength
    if (sizeBytes > mostBytes) {
      throw clientFaults.tooLarge(`a document of the registry has more than ${mostBytes} bytes`)
    }
    pieces.push(piece)
  }
  return Buffer.concat(pieces)
}

export const readText = async (body: AsyncIterable<Uint8Array>) =>
  new TextDecoder().decode(await readBytes(body))
