// SPDX-License-Identifier: AGPL-3.0-or-later
/** Runs beside the event loop: hashes files that grow, and waits for the disk. Started by disk.ts. */
import { dlopen, FFIType } from 'bun:ffi'
import { closeSync, openSync, readSync } from 'node:fs'
import { MiB } from '../../core/units.ts'
import type { DiskAnswer, DiskOrder } from './disk.ts'

declare const self: Worker

/** Read and hashed at a stretch; then others get their turn. */
const SLICE = MiB
/** Sent on to the disk in such pieces while the file still grows, so that the last sync is short. */
const WRITE_OUT = 8 * MiB
/** linux/fs.h: start writing, wait for nothing. */
const SYNC_FILE_RANGE_WRITE = 2

interface Followed {
  readonly fd: number
  readonly hasher: Bun.CryptoHasher
  /** Bytes hashed. */
  at: number
  /** Bytes that are there. */
  to: number
  /** Bytes whose writing was begun. */
  out: number
  finishing: boolean
}

const libc = dlopen('libc.so.6', {
  syncfs: { args: [FFIType.i32], returns: FFIType.i32 },
  sync_file_range: {
    args: [FFIType.i32, FFIType.i64, FFIType.i64, FFIType.u32],
    returns: FFIType.i32,
  },
}).symbols

const followed = new Map<number, Followed>()
const buffer = Buffer.allocUnsafe(SLICE)
let running = false

const answer = (one: DiskAnswer) => postMessage(one)
const failed = (id: number, error: unknown) =>
  answer({ id, failed: error instanceof Error ? error.message : String(error) })

function drop(id: number): void {
  const file = followed.get(id)
  if (!file) return
  followed.delete(id)
  closeSync(file.fd)
}

/** One slice of one file. */
function step(id: number, file: Followed): void {
  const wanted = Math.min(SLICE, file.to - file.at)
  const read = wanted > 0 ? readSync(file.fd, buffer, 0, wanted, file.at) : 0
  if (wanted > 0 && read === 0) throw new Error('the file is shorter than what was written to it')
  file.hasher.update(buffer.subarray(0, read))
  file.at += read
  if (file.at - file.out >= WRITE_OUT) {
    // A hint: whether it worked shows in the final sync, which is checked.
    libc.sync_file_range(file.fd, file.out, file.at - file.out, SYNC_FILE_RANGE_WRITE)
    file.out = file.at
  }
  if (!file.finishing || file.at < file.to) return
  const hex = file.hasher.digest('hex')
  drop(id)
  answer({ id, hex })
}

function work(): void {
  let busy = false
  for (const [id, file] of followed) {
    try {
      if (file.at < file.to || file.finishing) step(id, file)
    } catch (error) {
      drop(id)
      failed(id, error)
    }
    busy ||= followed.has(id) && file.at < file.to
  }
  running = busy
  if (busy) setImmediate(work)
}

const wake = () => {
  if (running) return
  running = true
  setImmediate(work)
}

const orders: {
  readonly [K in DiskOrder['do']]: (order: Extract<DiskOrder, { do: K }>) => void
} = {
  follow({ id, path, algorithm }) {
    const hasher = new Bun.CryptoHasher(algorithm)
    const file = { fd: openSync(path, 'r'), hasher, at: 0, to: 0, out: 0, finishing: false }
    followed.set(id, file)
  },
  advance({ id, to }) {
    const file = followed.get(id)
    if (file) file.to = to
    wake()
  },
  finish({ id, to }) {
    const file = followed.get(id)
    if (!file) return
    file.to = to
    file.finishing = true
    wake()
  },
  drop: ({ id }) => drop(id),
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
