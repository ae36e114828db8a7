// SPDX-License-Identifier: AGPL-3.0-or-later
import { ociFaults } from '../errors.ts'

/**
 * The bytes of a request as they come. Throws `oci.upload-idle` when none came for `idleMs`, and
 * `oci.cut-short` when the sender went away; what came before was given.
 */
export async function* bodyOf(request: Request, idleMs: number): AsyncGenerator<Uint8Array> {
  const reader = request.body?.getReader()
  if (!reader) return
  let waitingSince: number | undefined
  let stalled = false
  const timer = setInterval(() => {
    if (waitingSince === undefined || performance.now() - waitingSince < idleMs) return
    stalled = true
    void reader.cancel().catch(() => undefined)
  }, idleMs / 8)
  try {
    for (;;) {
      waitingSince = performance.now()
      const { done, value } = await reader.read().catch((cause: unknown) => {
        throw ociFaults.cutShort(
          'the connection broke in the middle of the body; what came before is kept',
          { cause },
        )
      })
      waitingSince = undefined
      if (stalled) {
        throw ociFaults.uploadIdle(
          `no byte came for ${idleMs / 1_000} s; what came before is kept: ask the session for its offset and go on`,
          { headers: { Connection: 'close' } },
        )
      }
      if (done) return
      yield value
    }
  } finally {
    clearInterval(timer)
    if (!stalled) reader.releaseLock()
  }
}

/**
 * The whole of a small body. Throws `oci.size-invalid` beyond `most` bytes, and what `bodyOf` throws:
 * then `keep` is told what came before.
 */
export async function wholeBody(
  request: Request,
  most: number,
  idleMs: number,
  keep?: (came: Uint8Array) => void,
): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = []
  let count = 0
  try {
    for await (const chunk of bodyOf(request, idleMs)) {
      count += chunk.byteLength
      if (count > most) throw ociFaults.sizeInvalid(`this may have at most ${most} bytes`)
      chunks.push(chunk)
    }
  } catch (error) {
    if (count > 0) keep?.(Buffer.concat(chunks))
    throw error
  }
  return Buffer.concat(chunks, count)
}
