// SPDX-License-Identifier: AGPL-3.0-or-later
import { sleep } from '../../core/retry.ts'
import { SECOND } from '../../core/units.ts'
import type { ByteSource } from '../../plugins/iso/index.ts'
import { serveNbd } from './nbd-server.ts'

/** A controller asks again when the line breaks; a URL that has ended stays ended. */
const TRIES = 4

export interface MediumOptions {
  /** Unix socket at which QEMU finds it. */
  readonly socket: string
  /** Called at the first read, and once. */
  readonly touched: () => void
  readonly tell: (what: string, detail: string) => void
}

/** An image in a virtual drive: what the machine reads of it is read from its server, then and there. */
export async function openMedium(
  source: ByteSource,
  { socket, touched, tell }: MediumOptions,
): Promise<AsyncDisposable> {
  const closing = new AbortController()
  const once = onlyOnce(touched)
  const server = await serveNbd(socket, {
    sizeBytes: source.sizeBytes,
    async read(start, length) {
      for (let tries = 1; ; tries += 1) {
        try {
          const bytes = await source.read(start, length)
          once()
          return bytes
        } catch (error) {
          if (closing.signal.aborted || tries >= TRIES) throw error
          tell('read', `try ${tries} of ${length} bytes at ${start}: ${String(error)}`)
          await sleep(SECOND / 4, closing.signal)
        }
      }
    },
  })
  return {
    async [Symbol.asyncDispose]() {
      closing.abort()
      await server[Symbol.asyncDispose]()
    },
  }
}

function onlyOnce(work: () => void): () => void {
  let done = false
  return () => {
    if (done) return
    done = true
    work()
  }
}
