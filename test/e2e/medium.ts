// SPDX-License-Identifier: AGPL-3.0-or-later
import { sleep } from '../../core/retry.ts'
import { SECOND } from '../../core/units.ts'
import type { ByteSource } from '../../plugins/iso/index.ts'
import { serveNbd } from './nbd-server.ts'

/** So long a controller asks again when the line breaks; Linux gives a drive 30 s for a read. */
const PATIENCE_MS = 20 * SECOND
const PAUSE_MS = SECOND / 4
/** A URL that has ended stays ended. */
const ENDED = /was answered 4\d\d/

/** Who is told what happens at a drive. */
export interface DriveEars {
  /** The first bytes were read. */
  readonly touched: () => void
  readonly tell: (what: string, detail: string) => void
}

/** An image in a virtual drive: what the machine reads of it is read from its server, then and there. */
export async function openMedium(
  source: ByteSource,
  socket: string,
  ears: DriveEars,
): Promise<AsyncDisposable> {
  const closing = new AbortController()
  const server = await serveNbd(socket, patient(source, closing.signal, ears))
  return {
    async [Symbol.asyncDispose]() {
      closing.abort()
      await server[Symbol.asyncDispose]()
    },
  }
}

/** The source as a controller reads it, which outlasts a broken line, until the signal. */
export function patient(
  source: ByteSource,
  signal: AbortSignal,
  { touched, tell }: DriveEars,
): ByteSource {
  let first = true
  return {
    sizeBytes: source.sizeBytes,
    async read(start, length) {
      const deadline = performance.now() + PATIENCE_MS
      for (;;) {
        try {
          const bytes = await source.read(start, length)
          if (first) touched()
          first = false
          return bytes
        } catch (error) {
          const final = ENDED.test(String(error)) || performance.now() > deadline
          if (signal.aborted || final) {
            tell('unreadable', `${length} bytes at ${start}: ${String(error)}`)
            throw error
          }
          await sleep(PAUSE_MS, signal)
        }
      }
    },
  }
}
