// SPDX-License-Identifier: AGPL-3.0-or-later
import { type FileHandle, open } from 'node:fs/promises'
import { KiB } from './units.ts'

/** Bytes of a file that stand at one place of an image. */
export interface MediaSegment {
  /** Absolute path. */
  readonly file: string
  /** First byte in the file. */
  readonly start: number
  /** Number of bytes. */
  readonly length: number
}

/** A named stretch of an image, so that a read can be told as a stage of booting. */
export interface MediaRegion {
  readonly name: string
  readonly start: number
  readonly length: number
}

/**
 * Bytes that a BMC may read at random. Plain data: it is kept on the job's row and outlives a
 * restart. The segments follow each other without gaps and add up to `sizeBytes`.
 */
export interface MediaImage {
  readonly sizeBytes: number
  /** Strong, quoted; the same bytes have the same one. */
  readonly etag: string
  /** Unix ms, for `Last-Modified`. */
  readonly modifiedAt: number
  readonly segments: readonly MediaSegment[]
  /** Sorted by `start`; they do not overlap. */
  readonly regions: readonly MediaRegion[]
}

/** Reads an image into buffers of its caller; holds at most one file open. */
export interface ImageReader extends AsyncDisposable {
  /**
   * Fills `room` from byte `at` of the image on, and says how far: up to the end of the segment at
   * least one byte, at the end of the image 0. Throws when a file is shorter than its segment says.
   */
  read(room: Uint8Array, at: number): Promise<number>
}

/** A segment, and where in the image it begins. */
interface Placed {
  readonly segment: MediaSegment
  readonly at: number
}

function segmentAt({ segments }: MediaImage, at: number): Placed | undefined {
  let start = 0
  for (const segment of segments) {
    if (at < start + segment.length) return { segment, at: start }
    start += segment.length
  }
  return undefined
}

/** Opens no file before the first read. */
export function openImage(image: MediaImage): ImageReader {
  let placed: Placed | undefined
  let file: FileHandle | undefined
  const close = async () => {
    const handle = file
    file = undefined
    await handle?.close()
  }
  const enter = async (at: number) => {
    const inside = placed && at >= placed.at && at < placed.at + placed.segment.length
    if (inside && file) return
    await close()
    placed = segmentAt(image, at)
    if (placed) file = await open(placed.segment.file, 'r')
  }
  return {
    async read(room, at) {
      await enter(at)
      if (!placed || !file) return 0
      const { segment } = placed
      const from = at - placed.at
      const want = Math.min(room.length, segment.length - from)
      const { bytesRead } = await file.read(room, 0, want, segment.start + from)
      if (bytesRead === 0 && want > 0)
        throw new Error(`${segment.file} is shorter than its image says`)
      return bytesRead
    },
    [Symbol.asyncDispose]: close,
  }
}

/** Of a long read the first piece is small, and each that follows twice as long: small reads stay cheap, long ones get fast. */
const FIRST_PIECE_BYTES = 64 * KiB
const LARGEST_PIECE_BYTES = 512 * KiB

/**
 * The bytes from `start` up to but without `end`. Every piece is a buffer of its own. Ending the
 * loop early closes the file. Throws when a file is shorter than its segment says.
 */
export async function* readImage(
  image: MediaImage,
  start = 0,
  end = image.sizeBytes,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  await using reader = openImage(image)
  let pieceBytes = FIRST_PIECE_BYTES
  for (let at = start; at < end; ) {
    const piece = new Uint8Array(Math.min(pieceBytes, end - at))
    const length = await reader.read(piece, at)
    if (length === 0) return
    yield length === piece.length ? piece : piece.subarray(0, length)
    at += length
    pieceBytes = Math.min(2 * pieceBytes, LARGEST_PIECE_BYTES)
  }
}
