// SPDX-License-Identifier: AGPL-3.0-or-later
/** Runs beside the event loop: writes and hashes what comes in, and waits for the disk. Started by disk.ts. */
import { dlopen, FFIType, ptr } from 'bun:ffi'
import {
  closeSync,
  ftruncateSync,
  linkSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
  writevSync,
} from 'node:fs'
import { MiB } from '../../../core/units.ts'
import type { DiskAnswer, DiskFailure, DiskOrder, PlacedFile, PlaceEnd } from './disk.ts'

declare const self: Worker

/** Read and hashed at a stretch; then others get their turn. */
const SLICE = MiB
/** Sent on to the disk in such pieces while the file still grows, so that the last sync is short. */
const WRITE_OUT = 8 * MiB
/** linux/fs.h: start writing, wait for nothing. */
const SYNC_FILE_RANGE_WRITE = 2

interface Kept {
  readonly fd: number
  readonly hasher: Bun.CryptoHasher
  /** Bytes hashed; behind `size` after a restart, until they were read again. */
  at: number
  /** Bytes that are there. */
  size: number
  /** Bytes whose writing to the disk was begun. */
  out: number
  finishing: boolean
}

/** Asked for at a stretch, and how many of them are under way at once. */
const AHEAD = 4 * MiB
const AHEAD_DEPTH = 4
/** linux/fadvise.h */
const POSIX_FADV_WILLNEED = 3
/** cachestat(2), since Linux 6.5; the number is the same on all processors. */
const SYS_CACHESTAT = 451
/** A larger one only makes us ask for what is there. */
const PAGE_BYTES = 4_096n

const libc = dlopen('libc.so.6', {
  syncfs: { args: [FFIType.i32], returns: FFIType.i32 },
  sync_file_range: {
    args: [FFIType.i32, FFIType.i64, FFIType.i64, FFIType.u32],
    returns: FFIType.i32,
  },
  posix_fadvise: {
    args: [FFIType.i32, FFIType.i64, FFIType.i64, FFIType.i32],
    returns: FFIType.i32,
  },
  syscall: {
    args: [FFIType.i64, FFIType.i32, FFIType.ptr, FFIType.ptr, FFIType.u32],
    returns: FFIType.i64,
  },
}).symbols

const kept = new Map<number, Kept>()
const buffer = Buffer.allocUnsafe(SLICE)
let running = false

const answer = (one: DiskAnswer) => postMessage(one)

const codeOf = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error ? String(error.code) : undefined

function failureOf(error: unknown): DiskFailure {
  const code = codeOf(error)
  const text = error instanceof Error ? error.message : String(error)
  return { failed: text, ...(code ? { code } : {}) }
}

const failed = (id: number, error: unknown): void => answer({ id, ...failureOf(error) })

function drop(id: number): void {
  const file = kept.get(id)
  if (!file) return
  kept.delete(id)
  closeSync(file.fd)
}

/** After a short write, such as the last one that a disk has room for, goes on where that ended. */
function writeAll(fd: number, chunks: readonly Uint8Array[]): void {
  let written = writevSync(fd, chunks)
  for (const chunk of chunks) {
    let at = Math.min(written, chunk.byteLength)
    written -= at
    while (at < chunk.byteLength) at += writeSync(fd, chunk, at)
  }
}

/** True: the link is there, new or old. False: its folder is not. */
function linked(path: string, link: string): boolean {
  try {
    linkSync(path, link)
    return true
  } catch (error) {
    const code = codeOf(error)
    if (code === 'EEXIST') return true
    if (code === 'ENOENT') return false
    throw error
  }
}

function place({ temporary, path, bytes, link }: PlacedFile): PlaceEnd {
  try {
    const fd = openSync(temporary, 'wx', 0o600)
    try {
      writeAll(fd, [bytes])
    } finally {
      closeSync(fd)
    }
    renameSync(temporary, path)
    return link === undefined || linked(path, link)
  } catch (error) {
    rmSync(temporary, { force: true })
    return failureOf(error)
  }
}

/** At once, not when this thread collects garbage: under load that can be a hundred pieces later. */
function freeAll(chunks: readonly Uint8Array[]): void {
  // Two chunks may lie in one piece of memory.
  const pieces = new Set(chunks.map(({ buffer }) => buffer))
  for (const piece of pieces) if (piece instanceof ArrayBuffer) piece.transfer(0)
}

/** Appends. When not all could be written the file is as before. */
function write(file: Kept, chunks: readonly Uint8Array[]): number {
  const count = chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0)
  // Hashed first: then they lie in the cache of this core when they are written.
  const follows = file.at === file.size
  if (follows) for (const chunk of chunks) file.hasher.update(chunk)
  try {
    writeAll(file.fd, chunks)
  } catch (error) {
    ftruncateSync(file.fd, file.size)
    // The hash went on without them: it is begun anew.
    throw error
  }
  file.size += count
  if (follows) file.at = file.size
  writeOut(file)
  return count
}

function writeOut(file: Kept): void {
  if (file.size - file.out < WRITE_OUT) return
  // A hint: whether it worked shows in the final sync, which is checked.
  libc.sync_file_range(file.fd, file.out, file.size - file.out, SYNC_FILE_RANGE_WRITE)
  file.out = file.size
}

/** One slice of a file whose hash is behind. */
function catchUp(id: number, file: Kept): void {
  const wanted = Math.min(SLICE, file.size - file.at)
  const read = wanted > 0 ? readSync(file.fd, buffer, 0, wanted, file.at) : 0
  if (wanted > 0 && read === 0) throw new Error('the file is shorter than what was written to it')
  file.hasher.update(buffer.subarray(0, read))
  file.at += read
  if (!file.finishing || file.at < file.size) return
  const hex = file.hasher.digest('hex')
  drop(id)
  answer({ id, hex })
}

const isBehind = (file: Kept) => file.at < file.size || file.finishing

function work(): void {
  for (const [id, file] of kept) {
    try {
      if (isBehind(file)) catchUp(id, file)
    } catch (error) {
      drop(id)
      failed(id, error)
    }
  }
  running = [...kept.values()].some(isBehind)
  if (running) setImmediate(work)
}

const wake = () => {
  if (running) return
  running = true
  setImmediate(work)
}

/** `struct cachestat_range`: offset and length; `struct cachestat`: the first of its counts is of pages that are there. */
const range = new BigUint64Array(2)
const counts = new BigUint64Array(5)

/** Whether all of it is in the page cache. To try by reading would begin to read ahead, in small pieces. */
function isThere(fd: number, at: number, end: number): boolean {
  range[0] = BigInt(at)
  range[1] = BigInt(end - at)
  const answer = libc.syscall(SYS_CACHESTAT, fd, ptr(range), ptr(counts), 0)
  return Number(answer) === 0 && (counts[0] ?? 0n) * PAGE_BYTES >= BigInt(end - at)
}

/** To ask for a window that is there costs as much as to read it over: a tenth of the time of a pull from memory. */
function askFor(fd: number, at: number, end: number): void {
  if (!isThere(fd, at, end)) libc.posix_fadvise(fd, at, end - at, POSIX_FADV_WILLNEED)
}

/** Asks for the window at `at`, and waits until the one asked for before some others is there. */
function ahead(id: number, fd: number, at: number, from: number, end: number): void {
  try {
    if (at < end) askFor(fd, at, Math.min(at + AHEAD, end))
    const awaited = at - AHEAD * AHEAD_DEPTH
    if (awaited >= from) readSync(fd, buffer, 0, 1, awaited)
    if (at < end) {
      // Others get their turn.
      setImmediate(() => ahead(id, fd, at + AHEAD, from, end))
      return
    }
  } catch {
    // A help that is none: whoever sends the file meets the error.
  }
  closeSync(fd)
  answer({ id })
}

const orders: {
  readonly [K in DiskOrder['do']]: (order: Extract<DiskOrder, { do: K }>) => void
} = {
  open({ id, path, algorithm, size }) {
    const fd = openSync(path, 'a+', 0o600)
    const hasher = new Bun.CryptoHasher(algorithm)
    kept.set(id, { fd, hasher, at: 0, size, out: size, finishing: false })
    if (size > 0) wake()
  },
  write({ id, to, chunks }) {
    const file = kept.get(to)
    if (!file) throw new Error('the file is not open')
    const written = write(file, chunks)
    freeAll(chunks)
    answer({ id, written })
  },
  follow({ id, path, algorithm }) {
    const hasher = new Bun.CryptoHasher(algorithm)
    const none = { at: 0, size: 0, out: Number.MAX_SAFE_INTEGER, finishing: false }
    kept.set(id, { fd: openSync(path, 'r'), hasher, ...none })
  },
  advance({ id, size }) {
    const file = kept.get(id)
    if (file) file.size = size
    wake()
  },
  finish({ id, size }) {
    const file = kept.get(id)
    if (!file) throw new Error('the file is not open')
    file.size = size ?? file.size
    file.finishing = true
    wake()
  },
  drop: ({ id }) => drop(id),
  ahead: ({ id, path, from, end }) => ahead(id, openSync(path, 'r'), from, from, end),
  place: ({ id, files }) => answer({ id, placed: files.map(place) }),
  sync({ id, path }) {
    const fd = openSync(path, 'r')
    try {
      if (libc.syncfs(fd) !== 0) throw new Error(`syncfs ${path} failed`)
    } finally {
      closeSync(fd)
    }
    answer({ id })
  },
}

self.onmessage = ({ data }: MessageEvent<DiskOrder>) => {
  try {
    // one order's function gets that order: the compiler can not follow the pair
    ;(orders[data.do] as (order: DiskOrder) => void)(data)
  } catch (error) {
    failed(data.id, error)
  }
}
