// SPDX-License-Identifier: AGPL-3.0-or-later
import { join } from 'node:path'
import { defineFaults } from '../../../core/faults.ts'
import type { DigestAlgorithm } from './digest.ts'

/** What a thread is told. `id` names an open file, or the order itself where that is answered. */
export type DiskOrder =
  | { do: 'open'; id: number; path: string; algorithm: DigestAlgorithm; size: number }
  | { do: 'write'; id: number; to: number; chunks: readonly Uint8Array[] }
  | { do: 'follow'; id: number; path: string; algorithm: DigestAlgorithm }
  | { do: 'advance'; id: number; size: number }
  | { do: 'finish'; id: number; size?: number }
  | { do: 'drop'; id: number }
  | { do: 'ahead'; id: number; path: string; from: number; end: number }
  | { do: 'sync'; id: number; path: string }
  | { do: 'place'; id: number; files: readonly PlacedFile[] }

export interface DiskFailure {
  readonly failed?: string
  /** Of the error: `ENOSPC`. */
  readonly code?: string
}

export interface DiskAnswer extends DiskFailure {
  readonly id: number
  readonly hex?: string
  readonly written?: number
  readonly placed?: readonly PlaceEnd[]
}

/** A small file that appears whole under its name, and under another one. */
export interface PlacedFile {
  /** Where it is made, on the same file system. */
  readonly temporary: string
  readonly path: string
  readonly bytes: Uint8Array
  /** A hard link to be made too; one that is there stays. */
  readonly link: string | undefined
}

/** Whether it was linked, too: not, where there is no such folder. */
export type PlaceEnd = boolean | DiskFailure

export const diskFaults = defineFaults('oci-disk', {
  /** A file could not be written or read again, or the disk not be synced. */
  failed: { status: 500, retry: true },
})

/** A file that grows at its end, and its hash. */
export interface HashedFile {
  /** Appends, and takes the chunks' memory away. Resolves with their bytes; a failure leaves the file as it was. */
  write(chunks: readonly Uint8Array[]): Promise<number>
  /** The hash in hex of the whole; closes the file. */
  finish(): Promise<string>
  /** Closes the file without an answer. */
  drop(): void
}

/** The hash of a file that others write, taken as far as it is told. */
export interface Follower {
  /** So many bytes may be read. */
  advance(sizeBytes: number): void
  /** The hash in hex of the first `sizeBytes`; closes the file. */
  finish(sizeBytes: number): Promise<string>
  /** Closes the file without an answer. */
  drop(): void
}

/** Work that would stop the event loop: writing, long hashes, waits for the disk. Throws `oci-disk.failed`. */
export interface Disk extends Disposable {
  /** Opens or makes a file. The first `sizeBytes` that it has are hashed in the background. */
  open(path: string, algorithm: DigestAlgorithm, sizeBytes: number): HashedFile
  /** Opens a file for reading alone. */
  follow(path: string, algorithm: DigestAlgorithm): Follower
  /** Reads these bytes into the page cache; resolves when they are there, or were given up. */
  readAhead(path: string, from: number, end: number): Promise<void>
  /** Puts files under their names, without waiting for the disk: for each whether it was linked, or its error. */
  place(files: readonly PlacedFile[]): Promise<readonly (boolean | Error)[]>
  /** Everything written so far to the file system of `path` reaches the disk. */
  sync(path: string): Promise<void>
}

interface Waiting {
  readonly resolve: (answer: DiskAnswer) => void
  readonly reject: (error: Error) => void
}

interface Thread {
  /** Large files that it has. */
  files: number
  post(order: DiskOrder): void
  /** The answer to what bears this id. */
  answered(id: number): Promise<DiskAnswer>
  terminate(): void
}

/** In the executable it stands compiled, at the place of its source (scripts/build.ts). */
const WORKER = join(
  import.meta.dir,
  import.meta.dir.startsWith('/$bunfs') ? 'disk-worker.js' : 'disk-worker.ts',
)

/** Threads that write and hash; a file stays with one. */
const THREADS = 2

/** As the error of a file would come: `code` is looked at where a full disk is told. */
const asError = ({ failed, code }: DiskFailure): Error => {
  const cause = Object.assign(new Error(failed), code ? { code } : {})
  return code === 'ENOSPC' ? cause : diskFaults.failed(failed ?? '', { cause })
}

function startThread(): Thread {
  const worker = new Worker(WORKER)
  const waiting = new Map<number, Waiting>()
  /** Failures that came before somebody asked. */
  const early = new Map<number, DiskAnswer>()
  let broken: Error | undefined
  const judge = ({ resolve, reject }: Waiting, answer: DiskAnswer) =>
    answer.failed === undefined ? resolve(answer) : reject(asError(answer))
  worker.onmessage = ({ data }: MessageEvent<DiskAnswer>) => {
    const one = waiting.get(data.id)
    if (!one) early.set(data.id, data)
    else judge(one, data)
    waiting.delete(data.id)
  }
  worker.onerror = (event) => {
    broken = diskFaults.failed(event.message)
    for (const { reject } of waiting.values()) reject(broken)
    waiting.clear()
  }
  // The worker alone keeps no process alive.
  worker.unref()
  return {
    files: 0,
    post(order) {
      // Their memory moves to the thread; two chunks may lie in one piece of it.
      const chunks = order.do === 'write' ? order.chunks : []
      const moved = new Set(chunks.map(({ buffer }) => buffer))
      worker.postMessage(
        order,
        [...moved].filter((each) => each instanceof ArrayBuffer),
      )
    },
    answered: (id) =>
      new Promise((resolve, reject) => {
        const before = early.get(id)
        early.delete(id)
        if (broken) reject(broken)
        else if (before) judge({ resolve, reject }, before)
        else waiting.set(id, { resolve, reject })
      }),
    terminate: () => worker.terminate(),
  }
}

/** Starts two threads for files, one that waits for the disk and one that reads ahead, each when it is needed. */
export function createDisk(): Disk {
  const writing: Thread[] = []
  let syncing: Thread | undefined
  let reading: Thread | undefined
  let last = 0

  /** One without a file; else the one that has the fewest. */
  const idlest = (): Thread => {
    const [first] = writing.toSorted((a, b) => a.files - b.files)
    if (first && (first.files === 0 || writing.length === THREADS)) return first
    const thread = startThread()
    writing.push(thread)
    return thread
  }
  /** Sends an order, and resolves with its answer. */
  const ask = (thread: Thread, order: (id: number) => DiskOrder): Promise<DiskAnswer> => {
    const id = ++last
    const answer = thread.answered(id)
    thread.post(order(id))
    return answer
  }
  /** A file on a thread, until it is finished or dropped. */
  const openOn = (thread: Thread, order: (id: number) => DiskOrder) => {
    const id = ++last
    let isOpen = true
    thread.files++
    const close = () => {
      if (isOpen) thread.files--
      isOpen = false
    }
    thread.post(order(id))
    return {
      id,
      async finish(size?: number) {
        const answer = thread.answered(id)
        thread.post({ do: 'finish', id, ...(size === undefined ? {} : { size }) })
        try {
          return (await answer).hex ?? ''
        } finally {
          close()
        }
      },
      drop() {
        thread.post({ do: 'drop', id })
        close()
      },
    }
  }

  return {
    open(path, algorithm, size) {
      const thread = idlest()
      const file = openOn(thread, (id) => ({ do: 'open', id, path, algorithm, size }))
      return {
        async write(chunks) {
          const answer = ask(thread, (id) => ({ do: 'write', id, to: file.id, chunks }))
          return (await answer).written ?? 0
        },
        finish: () => file.finish(),
        drop: file.drop,
      }
    },
    follow(path, algorithm) {
      const thread = idlest()
      const file = openOn(thread, (id) => ({ do: 'follow', id, path, algorithm }))
      return {
        advance: (size) => thread.post({ do: 'advance', id: file.id, size }),
        finish: file.finish,
        drop: file.drop,
      }
    },
    async readAhead(path, from, end) {
      reading ??= startThread()
      await ask(reading, (id) => ({ do: 'ahead', id, path, from, end }))
    },
    async place(files) {
      const { placed = [] } = await ask(idlest(), (id) => ({ do: 'place', id, files }))
      return placed.map((end) => (typeof end === 'boolean' ? end : asError(end)))
    },
    async sync(path) {
      syncing ??= startThread()
      await ask(syncing, (id) => ({ do: 'sync', id, path }))
    },
    [Symbol.dispose]() {
      for (const thread of [...writing, syncing, reading]) thread?.terminate()
    },
  }
}
