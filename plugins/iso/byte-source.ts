// SPDX-License-Identifier: AGPL-3.0-or-later
import { type FileHandle, open } from 'node:fs/promises'
import { type MediaImage, readImage } from '../../core/media.ts'
import { isoFaults } from './faults.ts'

/** Bytes that can be read at random: a file, an image served over HTTP, a composed medium. */
export interface ByteSource {
  readonly sizeBytes: number
  /** Exactly `length` bytes from `start`; throws when they are not all there. */
  read(start: number, length: number): Promise<Uint8Array>
}

/** A file as a source; the caller closes it. */
export interface FileSource extends ByteSource, AsyncDisposable {}

async function readFully(file: FileHandle, path: string, start: number, length: number) {
  const bytes = new Uint8Array(length)
  for (let at = 0; at < length; ) {
    const { bytesRead } = await file.read(bytes, at, length - at, start + at)
    if (bytesRead === 0) throw isoFaults.source(`${path} ends before byte ${start + length}`)
    at += bytesRead
  }
  return bytes
}

/** Opens a file for `openIso`. */
export async function openFileSource(path: string): Promise<FileSource> {
  const file = await open(path, 'r').catch((cause: unknown) => {
    throw isoFaults.notFound(`${path} can not be opened; check that it is there and readable`, {
      cause,
    })
  })
  const { size } = await file.stat()
  return {
    sizeBytes: size,
    read: (start, length) => readFully(file, path, start, length),
    [Symbol.asyncDispose]: () => file.close(),
  }
}

/** Bytes in memory as a source. */
export const bytesSource = (bytes: Uint8Array): ByteSource => ({
  sizeBytes: bytes.length,
  async read(start, length) {
    if (start + length > bytes.length)
      throw isoFaults.source(`the image ends before byte ${start + length}`)
    return bytes.subarray(start, start + length)
  },
})

/** An image made of stretches of files as a source. */
export const imageSource = (image: MediaImage): ByteSource => ({
  sizeBytes: image.sizeBytes,
  async read(start, length) {
    const bytes = new Uint8Array(length)
    let at = 0
    for await (const piece of readImage(image, start, start + length)) {
      bytes.set(piece, at)
      at += piece.length
    }
    if (at < length) throw isoFaults.source(`the image ends before byte ${start + length}`)
    return bytes
  },
})
