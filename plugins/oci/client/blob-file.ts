// SPDX-License-Identifier: AGPL-3.0-or-later
import { constants } from 'node:fs'
import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { Fault } from '../../../core/faults.ts'
import { MiB } from '../../../core/units.ts'
import { streamBlob } from './blob-stream.ts'
import { checkDigest } from './digest-check.ts'
import { clientFaults } from './faults.ts'
import { readFileRange } from './file-range.ts'
import type { Descriptor } from './manifest.ts'
import type { Registry } from './registry.ts'
import { type Outcome, type TransferOptions, unwatched } from './transfer.ts'

/** Written at once: fewer calls than the network's pieces would make. */
const WRITE_BYTES = MiB

/**
 * Fetches a blob into a file, which appears under its name only when it is whole, checked and on
 * the disk. What an earlier attempt left beside it is gone on with. A file of that name with the
 * right bytes is left alone.
 */
export async function fetchBlob(
  registry: Registry,
  repository: string,
  blob: Descriptor,
  path: string,
  options: TransferOptions,
): Promise<Outcome> {
  const { watch = unwatched } = options
  if (await holds(path, blob, options.signal)) {
    watch.ends(blob, 'present')
    return 'present'
  }
  const partial = partialPath(path, blob)
  await mkdir(dirname(path), { recursive: true })
  try {
    await fill(registry, repository, blob, partial, options)
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== WRONG_DIGEST) throw error
    // Either what lay here was damaged or what came is: one attempt from the first byte tells.
    await rm(partial, { force: true })
    await fill(registry, repository, blob, partial, options)
  }
  await rename(partial, path)
  await using folder = await open(dirname(path), constants.O_RDONLY | constants.O_DIRECTORY)
  await folder.sync()
  watch.ends(blob, 'received')
  return 'received'
}

/** Where the bytes lie until they are all there. */
export const partialPath = (path: string, { digest }: Descriptor) =>
  join(dirname(path), `.${basename(path)}.${digest.split(':')[1]?.slice(0, 12)}.partial`)

const WRONG_DIGEST = clientFaults.digest('').code

async function fill(
  registry: Registry,
  repository: string,
  blob: Descriptor,
  partial: string,
  options: TransferOptions,
): Promise<void> {
  const { watch = unwatched } = options
  // No link that somebody laid there leads out of the folder.
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW
  await using file = await open(partial, flags, 0o644)
  const { size } = await file.stat()
  const fromBytes = Math.min(size, blob.size)
  if (size > fromBytes) await file.truncate(fromBytes)
  const check = checkDigest(blob.digest)
  for await (const piece of readFileRange(file, 0, fromBytes)) {
    options.signal?.throwIfAborted()
    check.update(piece)
  }
  watch.stands(blob, fromBytes, 0)
  const pieces = streamBlob(registry, repository, blob, { ...options, fromBytes, check })
  await write(file, fromBytes, pieces, (at, moved) => watch.stands(blob, at, moved))
  await file.sync()
}

async function write(
  file: FileHandle,
  fromBytes: number,
  pieces: AsyncIterable<Uint8Array>,
  moved: (at: number, bytes: number) => void,
): Promise<void> {
  let held: Uint8Array[] = []
  let heldBytes = 0
  let at = fromBytes
  const flush = async () => {
    const bytes = heldBytes
    const joined = held.length === 1 ? held[0] : Buffer.concat(held)
    held = []
    heldBytes = 0
    for (let done = 0; joined && done < bytes; ) {
      const { bytesWritten } = await file.write(joined, done, bytes - done, at + done)
      done += bytesWritten
    }
    at += bytes
    moved(at, bytes)
  }
  try {
    for await (const piece of pieces) {
      held.push(piece)
      heldBytes += piece.byteLength
      if (heldBytes >= WRITE_BYTES) await flush()
    }
  } finally {
    // What came before the failure need not come again.
    if (heldBytes > 0) await flush()
  }
}

async function holds(
  path: string,
  blob: Descriptor,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  try {
    await using file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW)
    const stat = await file.stat()
    if (!stat.isFile() || stat.size !== blob.size) return false
    const check = checkDigest(blob.digest)
    for await (const piece of readFileRange(file, 0, blob.size)) {
      signal?.throwIfAborted()
      check.update(piece)
    }
    check.settle(path)
    return true
  } catch (error) {
    const { code } = error as { code?: string }
    if (code === 'ENOENT' || code === 'ELOOP' || code === WRONG_DIGEST) return false
    throw error
  }
}
