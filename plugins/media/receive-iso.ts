// SPDX-License-Identifier: AGPL-3.0-or-later
import { type FileHandle, open, statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Fault, sentence } from '../../core/faults.ts'
import { isoRegions, openFileSource, openIso } from '../iso/index.ts'
import { mediaFaults } from './faults.ts'
import { readBuild } from './maintenance-build.ts'
import type { MaintenanceRecord } from './maintenance-record.ts'
import { sizeText } from './size-text.ts'

const FULL = new Set(['ENOSPC', 'EDQUOT', 'EFBIG'])

const codeOf = (error: unknown) =>
  error instanceof Error && 'code' in error ? String(error.code) : ''

const diskFull = (path: string, cause?: unknown) =>
  mediaFaults.diskFull(
    `there is no room for the ISO in ${dirname(path)}: free some space and import it again`,
    cause === undefined ? {} : { cause },
  )

/** Refuses before the first byte what can not fit. */
async function checkRoom(path: string, announcedBytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(dirname(path))
  if (announcedBytes > bavail * bsize) throw diskFull(path)
}

/** Errors of the sender become faults; those of our disk are thrown elsewhere. */
async function* guarded(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* body
  } catch (cause) {
    if (cause instanceof Fault) throw cause
    const message = `the ISO did not come to its end (${sentence(cause)}): send it again`
    throw mediaFaults.cutShort(message, { cause })
  }
}

async function writeFully(file: FileHandle, path: string, bytes: Uint8Array): Promise<void> {
  try {
    for (let at = 0; at < bytes.length; ) {
      at += (await file.write(bytes, at, bytes.length - at)).bytesWritten
    }
  } catch (cause) {
    throw FULL.has(codeOf(cause)) ? diskFull(path, cause) : cause
  }
}

/**
 * Writes the body to a new file at `path`, in constant memory, and has it on the disk when it
 * returns. The caller deletes the file when this throws.
 */
export async function receive(
  path: string,
  body: AsyncIterable<Uint8Array>,
  announcedBytes = 0,
): Promise<{ readonly sha256: string; readonly sizeBytes: number }> {
  await checkRoom(path, announcedBytes)
  const hash = new Bun.CryptoHasher('sha256')
  let sizeBytes = 0
  await using file = await open(path, 'wx', 0o600)
  for await (const chunk of guarded(body)) {
    hash.update(chunk)
    sizeBytes += chunk.byteLength
    await writeFully(file, path, chunk)
  }
  await file.sync()
  return { sha256: hash.digest('hex'), sizeBytes }
}

/** Looks at a received file as a BMC will. Throws `media.not-bootable` when no machine can start from it. */
export async function inspectIso(
  path: string,
): Promise<Pick<MaintenanceRecord, 'volumeId' | 'boot' | 'build' | 'regions'>> {
  await using source = await openFileSource(path)
  const look = async () => ({ volume: await openIso(source), regions: await isoRegions(source) })
  const { volume, regions } = await look().catch((cause: unknown) => {
    if (!(cause instanceof Fault)) throw cause
    throw mediaFaults.notBootable(`this is no usable ISO 9660 image: ${cause.message}`, { cause })
  })
  if (volume.volumeBytes > source.sizeBytes) {
    const [have, want] = [sizeText(source.sizeBytes), sizeText(volume.volumeBytes)]
    throw mediaFaults.notBootable(`the image is cut short: ${have} of ${want} are there`)
  }
  const boot = volume.boot?.entries.filter(({ bootable }) => bootable) ?? []
  if (boot.length === 0) {
    throw mediaFaults.notBootable('the image has no boot catalog: no machine can start from it')
  }
  return {
    volumeId: volume.volumeId,
    boot: boot.map(({ platform }) => platform),
    build: await readBuild(volume),
    regions: [...regions],
  }
}
