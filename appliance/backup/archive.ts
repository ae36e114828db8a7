// SPDX-License-Identifier: AGPL-3.0-or-later
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { list, type ReadEntry } from 'tar'
import * as v from 'valibot'
import { sentence } from '../../core/faults.ts'
import { MiB } from '../../core/units.ts'
import { BackupManifest } from '../../schemas/backup.ts'
import { backupFaults } from './faults.ts'

const LARGEST_MANIFEST = MiB

/** A name of an archive may hold anything; this much of it is shown. */
const shown = (path: string) => JSON.stringify(path.slice(0, 100))

async function manifestOf(entry: ReadEntry): Promise<BackupManifest> {
  if (entry.path !== 'manifest.json' || entry.type !== 'File' || entry.size > LARGEST_MANIFEST) {
    throw backupFaults.broken(
      `this is no backup of slipway: it begins with ${shown(entry.path)} instead of its manifest`,
    )
  }
  const bytes = await entry.concat()
  try {
    return v.parse(BackupManifest, JSON.parse(new TextDecoder().decode(bytes)))
  } catch (cause) {
    throw backupFaults.broken('the manifest of the backup can not be read: is it whole?', { cause })
  }
}

/** The bytes of an entry, into `folder` when there is one; compared with what the manifest promised. */
async function fileOf(
  entry: ReadEntry,
  promised: BackupManifest['files'][number],
  folder: string | undefined,
): Promise<void> {
  if (entry.type !== 'File') {
    throw backupFaults.broken(
      `${shown(entry.path)} in the backup is no plain file: do not trust it`,
    )
  }
  const hash = new Bun.CryptoHasher('sha256')
  const file = folder ? await open(join(folder, promised.path), 'wx', 0o600) : undefined
  try {
    let size = 0
    for await (const chunk of entry) {
      size += chunk.byteLength
      hash.update(chunk)
      await file?.writeFile(chunk)
    }
    await file?.sync()
    if (size === promised.size_bytes && hash.digest('hex') === promised.sha256) return
  } finally {
    await file?.close()
  }
  throw backupFaults.broken(
    `${promised.path} in the backup is not what its manifest says: the archive was changed or damaged`,
  )
}

/**
 * Reads a backup to its end, and into `folder` when one is given (with `keys/` in it). Only what the
 * manifest names is taken, once, under names that a backup of ours has. Throws `backup.broken`.
 */
export async function readBackup(path: string, folder?: string): Promise<BackupManifest> {
  let manifest: BackupManifest | undefined
  let failed: unknown
  const waiting = new Map<string, BackupManifest['files'][number]>()

  const take = async (entry: ReadEntry) => {
    if (!manifest) {
      manifest = await manifestOf(entry)
      for (const file of manifest.files) waiting.set(file.path, file)
      return
    }
    const promised = waiting.get(entry.path)
    if (!promised) {
      throw backupFaults.broken(
        `${shown(entry.path)} in the backup is not named by its manifest: do not trust this archive`,
      )
    }
    waiting.delete(entry.path)
    await fileOf(entry, promised, folder)
  }

  let tail: Promise<void> = Promise.resolve()
  const onReadEntry = (entry: ReadEntry) => {
    tail = tail
      .then(() => (failed === undefined ? take(entry) : undefined))
      .catch((error: unknown) => {
        failed = error
      })
      // What was not taken must flow past, or the reader would wait for us for ever.
      .finally(() => entry.resume())
  }
  try {
    await list({ file: path, strict: true, noResume: true, onReadEntry })
  } catch (cause) {
    await tail
    const why = sentence(cause)
    throw failed ?? backupFaults.broken(`${path} is no whole tar archive: ${why}`, { cause })
  }
  await tail
  if (failed !== undefined) throw failed
  if (!manifest) throw backupFaults.broken(`${path} is empty: it is no backup of slipway`)
  const [missing] = waiting.keys()
  if (missing) throw backupFaults.broken(`${missing} is missing in the backup: it is cut short`)
  return manifest
}
