// SPDX-License-Identifier: AGPL-3.0-or-later
import type { FileHandle } from 'node:fs/promises'
import { MiB } from '../../core/units.ts'
import { SECTOR } from './sector.ts'

/** Bytes moved at once. */
const PIECE = MiB
/** One is read, one hashed, one written. More were not faster. */
const PIECES = 3
/** After so many bytes the disk begins with them: the sync at the end then finds little left to do. */
const WRITE_OUT = 128 * MiB

/** Fills the whole of `room` with what stands at `at` of the source, or throws. */
export type Fill = (room: Uint8Array, at: number) => Promise<void>

interface Piece {
  readonly bytes: Uint8Array
  /** All that is to be read into it. */
  read: Promise<unknown>
  written: Promise<unknown>
}

/** Is waited for later: a failure is told then, and not as one that nobody handles. */
function later<T>(work: Promise<T>): Promise<T> {
  work.catch(() => undefined)
  return work
}

/** Waits for both, whatever comes of them: nothing is under way any more when it throws. */
async function both(first: Promise<unknown>, second: Promise<unknown>): Promise<void> {
  later(second)
  try {
    await first
  } finally {
    await second
  }
}

async function writeAll(file: FileHandle, bytes: Uint8Array, at: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, at + done)
    done += bytesWritten
  }
}

/**
 * Writes an image forward only, in constant memory. While one piece is hashed here, the next is
 * read and the last is written by the runtime's threads. After an error only `abandon` may follow.
 */
export class ImageSink {
  readonly #file: FileHandle
  readonly #hash = new Bun.CryptoHasher('sha256')
  readonly #pieces: readonly Piece[]
  /** Pieces that are full, from the start of the image. */
  #count = 0
  /** Bytes of the piece under way that have their content, or a read that brings it. */
  #filled = 0
  #writtenOut = 0
  #syncing: Promise<void> | undefined

  /** `sizeBytes` is what the image will have: a small one gets small buffers. */
  constructor(file: FileHandle, sizeBytes: number) {
    this.#file = file
    const count = Math.min(PIECES, Math.ceil(sizeBytes / PIECE))
    this.#pieces = Array.from({ length: count }, () => ({
      bytes: new Uint8Array(Math.min(PIECE, sizeBytes)),
      read: Promise.resolve(),
      written: Promise.resolve(),
    }))
  }

  /** Piece number `index` of the image stands in one of few buffers. */
  #piece(index: number): Piece {
    const piece = this.#pieces[index % this.#pieces.length]
    if (!piece) throw new Error('an image without bytes has no pieces')
    return piece
  }

  get #room(): Uint8Array {
    return this.#piece(this.#count).bytes.subarray(this.#filled)
  }

  get position(): number {
    return this.#count * PIECE + this.#filled
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; ) {
      const part = bytes.subarray(at, at + this.#room.length)
      this.#room.set(part)
      at += part.length
      await this.#advance(part.length)
    }
  }

  /** Zeros up to the sector. */
  async padTo(lba: number): Promise<void> {
    const end = lba * SECTOR
    if (this.position > end) throw new Error(`sector ${lba} of the image is already taken`)
    while (this.position < end) {
      const gap = this.#room.subarray(0, end - this.position).fill(0)
      await this.#advance(gap.length)
    }
  }

  /** Takes `sizeBytes` from elsewhere. When it returns or throws, no read is under way any more. */
  async copy(sizeBytes: number, fill: Fill): Promise<void> {
    try {
      await this.begin(sizeBytes, fill)
      await Promise.all(this.#reads())
    } finally {
      await Promise.allSettled(this.#reads())
    }
  }

  /** The same, but the last reads go on behind; what fails of them is thrown by a later call. */
  async begin(sizeBytes: number, fill: Fill): Promise<void> {
    for (let at = 0; at < sizeBytes; ) {
      const piece = this.#piece(this.#count)
      const room = this.#room.subarray(0, sizeBytes - at)
      piece.read = later(both(piece.read, fill(room, at)))
      at += room.length
      await this.#advance(room.length)
    }
  }

  /** What is left goes out, all of it to the disk. The digest of the image in lower-case hex. */
  async end(): Promise<string> {
    if (this.#count > 0) await this.#settle(this.#count - 1)
    if (this.#filled > 0) await this.#settle(this.#count, this.#filled)
    for (const { written } of this.#pieces) await written
    await this.#syncing
    await this.#file.sync()
    return this.#hash.digest('hex')
  }

  /** Waits for what is under way, whatever comes of it: the file may be closed then. */
  async abandon(): Promise<void> {
    await Promise.allSettled([
      ...this.#reads(),
      ...this.#pieces.map(({ written }) => written),
      this.#syncing,
    ])
  }

  #reads(): Promise<unknown>[] {
    return this.#pieces.map(({ read }) => read)
  }

  async #advance(bytes: number): Promise<void> {
    this.#filled += bytes
    if (this.#filled < PIECE) return
    // The piece that is full now may still be read into: the one before it is due.
    if (this.#count > 0) await this.#settle(this.#count - 1)
    this.#count++
    this.#filled = 0
    await this.#piece(this.#count).written
  }

  /** Writes and hashes a piece once all of it was read; the write goes on behind. */
  async #settle(index: number, length = PIECE): Promise<void> {
    const piece = this.#piece(index)
    await piece.read
    const bytes = piece.bytes.subarray(0, length)
    piece.written = later(writeAll(this.#file, bytes, index * PIECE))
    this.#hash.update(bytes)
    if ((index + 1) * PIECE - this.#writtenOut < WRITE_OUT) return
    this.#writtenOut = (index + 1) * PIECE
    // The kernel tells a failed write-out once: the one before must be asked first.
    await this.#syncing
    this.#syncing = later(this.#file.datasync())
  }
}
