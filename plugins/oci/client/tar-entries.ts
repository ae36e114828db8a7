// SPDX-License-Identifier: AGPL-3.0-or-later
import type { FileHandle } from 'node:fs/promises'
import { KiB } from '../../../core/units.ts'

/** A regular file inside a tar: where its bytes lie. */
export interface TarEntry {
  readonly name: string
  readonly atBytes: number
  readonly sizeBytes: number
}

const BLOCK = 512
/** Headers of POSIX.1-2001 hold a few lines; more is none of ours. */
const LARGEST_HEADER_BYTES = 64 * KiB

/** Is this the beginning of a tar? (POSIX.1-1988 `ustar` at 257.) */
export const looksLikeTar = (head: Uint8Array) =>
  head.byteLength >= BLOCK && text(head, 257, 5) === 'ustar'

/** Walks over a tar from header to header; what lies between is not read. Ends where it is no tar. */
export async function* tarEntries(file: FileHandle): AsyncGenerator<TarEntry> {
  const { size: fileBytes } = await file.stat()
  let at = 0
  let better: Readonly<Record<string, string>> = {}
  while (at + BLOCK <= fileBytes) {
    const head = await take(file, at, BLOCK)
    if (!looksLikeTar(head)) return
    const type = text(head, 156, 1)
    const sizeBytes = Number(better['size'] ?? number(head, 124, 12))
    const prefix = text(head, 345, 155)
    const own = text(head, 0, 100)
    const name = better['path'] ?? (prefix ? `${prefix}/${own}` : own)
    const dataAt = at + BLOCK
    if (!Number.isSafeInteger(sizeBytes) || dataAt + sizeBytes > fileBytes) return
    at = dataAt + Math.ceil(sizeBytes / BLOCK) * BLOCK
    if (type === 'x' && sizeBytes <= LARGEST_HEADER_BYTES) {
      better = records(await take(file, dataAt, sizeBytes))
      continue
    }
    // GNU tar's long name.
    if (type === 'L' && sizeBytes <= LARGEST_HEADER_BYTES) {
      better = { ...better, path: text(await take(file, dataAt, sizeBytes), 0, sizeBytes) }
      continue
    }
    if (type === 'g') continue
    better = {}
    if (type === '0' || type === '') yield { name, atBytes: dataAt, sizeBytes }
  }
}

async function take(file: FileHandle, at: number, bytes: number): Promise<Uint8Array> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(bytes), 0, bytes, at)
  return buffer.subarray(0, bytesRead)
}

/** Up to the first NUL. */
function text(bytes: Uint8Array, at: number, length: number): string {
  const field = Buffer.from(
    bytes.buffer,
    bytes.byteOffset + at,
    Math.min(length, bytes.length - at),
  )
  const end = field.indexOf(0)
  return field.toString('utf8', 0, end === -1 ? field.length : end)
}

/** Octal, or GNU's binary form for what octal has no room for (8 GiB and more). */
function number(bytes: Uint8Array, at: number, length: number): number {
  if (((bytes[at] ?? 0) & 0x80) === 0) return Number.parseInt(text(bytes, at, length).trim(), 8)
  return bytes.subarray(at + 1, at + length).reduce((sum, byte) => sum * 256 + byte, 0)
}

/** `27 path=some/name\n`, the length in front counting itself. */
function records(bytes: Uint8Array): Readonly<Record<string, string>> {
  const found: Record<string, string> = {}
  for (const line of new TextDecoder().decode(bytes).split('\n')) {
    const match = /^\d+ ([^=]+)=(.*)$/.exec(line)
    if (match?.[1] !== undefined && match[2] !== undefined) found[match[1]] = match[2]
  }
  return found
}
