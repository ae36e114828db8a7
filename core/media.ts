// SPDX-License-Identifier: AGPL-3.0-or-later
import { open } from 'node:fs/promises'

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

/** The first piece of a read; each that follows is twice as long: small reads stay cheap, long ones get fast. */
const FIRST_PIECE_BYTES = 65_536

/**
 * The bytes from `start` up to but without `end`, in pieces of at most `largestPieceBytes`. Every
 * piece is a buffer of its own. Ending the loop early closes the file. Throws when a file is
 * shorter than its segment says.
 */
export async function* readImage(
  image: MediaImage,
  start = 0,
  end = image.sizeBytes,
  largestPieceBytes = 524_288,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  let pieceBytes = Math.min(FIRST_PIECE_BYTES, largestPieceBytes)
  let segmentStart = 0
  for (const segment of image.segments) {
    const from = Math.max(start, segmentStart)
    const to = Math.min(end, segmentStart + segment.length)
    if (from < to) {
      await using file = await open(segment.file, 'r')
      for (let at = from; at < to; ) {
        const want = Math.min(pieceBytes, to - at)
        const piece = new Uint8Array(want)
        const { bytesRead } = await file.read(piece, 0, want, segment.start + at - segmentStart)
        if (bytesRead === 0) throw new Error(`${segment.file} is shorter than its image says`)
        yield bytesRead === want ? piece : piece.subarray(0, bytesRead)
        at += bytesRead
        pieceBytes = Math.min(2 * pieceBytes, largestPieceBytes)
      }
    }
    segmentStart += segment.length
  }
}
