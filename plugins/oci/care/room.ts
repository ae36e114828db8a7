// SPDX-License-Identifier: AGPL-3.0-or-later

import type { ByteStream } from '../store/uploads.ts'
import type { OpenUpload, Quota, Reservation } from './quota.ts'
import type { Watermark } from './watermark.ts'

/** Room for the bytes of one request, by disk and by quota. */
export interface Taken extends Disposable {
  /** The bytes as they come; throws when there is no room for more. What came before was given. */
  metered(body: ByteStream): ByteStream
  /** They are stored: from now on they count as that. */
  stored(): void
}

/** Asked before a byte is taken, and again while they come. */
export interface Room {
  /**
   * Throws `oci.denied` (quota) or `oci.storage-full`. `declaredBytes` is undefined where the sender
   * names no length. Disposing it gives back what was not stored.
   */
  take(repository: string, declaredBytes: number | undefined, upload?: OpenUpload): Promise<Taken>
}

/** What a request has announced and not sent yet. */
interface Expected {
  bytes: number
}

export function createRoom(
  quota: Quota,
  makeWatermark: (expectedBytes: () => number) => Watermark,
): Room & { readonly watermark: Watermark } {
  const expected = new Set<Expected>()
  const watermark = makeWatermark(() => {
    let sum = 0
    for (const { bytes } of expected) sum += bytes
    return sum
  })

  async function* meter(
    body: ByteStream,
    reservation: Reservation,
    declared: boolean,
    left: Expected,
  ): AsyncGenerator<Uint8Array> {
    for await (const chunk of body) {
      if (!declared) reservation.grow(chunk.byteLength)
      left.bytes = Math.max(0, left.bytes - chunk.byteLength)
      watermark.came(chunk.byteLength)
      yield chunk
    }
  }

  return {
    watermark,
    async take(repository, declaredBytes, upload) {
      await watermark.admit(declaredBytes ?? 0)
      const reservation = await quota.reserve(repository, declaredBytes ?? 0, upload)
      const left: Expected = { bytes: declaredBytes ?? 0 }
      expected.add(left)
      return {
        metered: (body) => meter(body, reservation, declaredBytes !== undefined, left),
        stored: reservation.stored,
        [Symbol.dispose]() {
          expected.delete(left)
          reservation.release()
        },
      }
    },
  }
}
