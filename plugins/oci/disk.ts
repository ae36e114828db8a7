// SPDX-License-Identifier: AGPL-3.0-or-later
import { defineFaults } from '../../core/faults.ts'
import type { DigestAlgorithm } from './digest.ts'

/** What the worker is told. `id` names a followed file, or the order itself. */
export type DiskOrder =
  | { do: 'follow'; id: number; path: string; algorithm: DigestAlgorithm }
  | { do: 'advance' | 'finish'; id: number; to: number }
  | { do: 'drop'; id: number }
  | { do: 'sync'; id: number; path: string }

export interface DiskAnswer {
  readonly id: number
  readonly hex?: string
  readonly failed?: string
}

export const diskFaults = defineFaults('oci-disk', {
  /** A file could not be read again, or the disk not be synced. */
  failed: { status: 500, retry: true },
})

/** The hash of a file that still grows, taken behind its writer out of the page cache. */
export interface Follower {
  /** So many bytes are there now. */
  advance(sizeBytes: number): void
  /** The hash in hex of the first `sizeBytes`; ends the following. */
  finish(sizeBytes: number): Promise<string>
  /** Ends the following without an answer. */
  drop(): void
}

/** Work that would stop the event loop: long hashes and waits for the disk. Throws `oci-disk.failed`. */
export interface Disk extends Disposable {
  follow(path: string, algorithm: DigestAlgorithm): Follower
  /** Everything written so far to the file system of `path` reaches the disk. */
  sync(path: string): Promise<void>
}

interface Waiting {
  readonly resolve: (answer: DiskAnswer) => void
  readonly reject: (error: Error) => void
}

interface Thread {
  post(order: DiskOrder): void
  /** The answer to what bears this id. */
  answered(id: number): Promise<DiskAnswer>
  terminate(): void
}

function startThread(): Thread {
  const worker = new Worker(new URL('./disk-worker.ts', import.meta.url).href)
  const waiting = new Map<number, Waiting>()
  /** Failures that came before somebody asked. */
  const early = new Map<number, DiskAnswer>()
  const judge = ({ resolve, reject }: Waiting, answer: DiskAnswer) =>
    answer.failed === undefined ? resolve(answer) : reject(diskFaults.failed(answer.failed))
  worker.onmessage = ({ data }: MessageEvent<DiskAnswer>) => {
    const one = waiting.get(data.id)
    if (!one) early.set(data.id, data)
    else judge(one, data)
    waiting.delete(data.id)
  }
  worker.onerror = (event) => {
    for (const { reject } of waiting.values()) reject(diskFaults.failed(event.message))
    waiting.clear()
  }
  // The worker alone keeps no process alive.
  worker.unref()
  return {
    post: (order) => worker.postMessage(order),
    answered: (id) =>
      new Promise((resolve, reject) => {
        const before = early.get(id)
        early.delete(id)
        if (before) judge({ resolve, reject }, before)
        else waiting.set(id, { resolve, reject })
      }),
    terminate: () => worker.terminate(),
  }
}

/** Starts one thread for hashes and one that waits for the disk, each at its first order. */
export function createDisk(): Disk {
  let hashing: Thread | undefined
  let syncing: Thread | undefined
  let last = 0
  return {
    follow(path, algorithm) {
      hashing ??= startThread()
      const thread = hashing
      const id = ++last
      thread.post({ do: 'follow', id, path, algorithm })
      return {
        advance: (to) => thread.post({ do: 'advance', id, to }),
        async finish(to) {
          const answer = thread.answered(id)
          thread.post({ do: 'finish', id, to })
          return (await answer).hex ?? ''
        },
        drop: () => thread.post({ do: 'drop', id }),
      }
    },
    async sync(path) {
      syncing ??= startThread()
      const id = ++last
      const answer = syncing.answered(id)
      syncing.post({ do: 'sync', id, path })
      await answer
    },
    [Symbol.dispose]() {
      hashing?.terminate()
      syncing?.terminate()
    },
  }
}
