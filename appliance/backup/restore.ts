// SPDX-License-Identifier: AGPL-3.0-or-later
import { copyFile, mkdir, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Plugin } from '../../core/plugin.ts'
import { openSealer } from '../../core/seal.ts'
import { openDb } from '../../core/store/client.ts'
import { readSetting, removeSetting } from '../../core/store/settings.ts'
import type { BackupManifest } from '../../schemas/backup.ts'
import { KEY_LOSS, KEY_SETTING } from '../key.ts'
import { lockFolder } from '../lock.ts'
import { checkStore } from '../store.ts'
import { readBackup } from './archive.ts'
import { backupFaults } from './faults.ts'

export interface RestoreOptions {
  /** The archive. */
  readonly file: string
  /** Must be empty, or not be there. */
  readonly dataDir: string
  /** The key, for a backup without keys. */
  readonly keyFile?: string | undefined
  /** Go on without the key. */
  readonly acceptLostKey: boolean
  readonly plugins: readonly Plugin[]
  /** Of this program. */
  readonly version: string
}

/** What a file system makes by itself. */
const OURS_OR_NOBODYS = ['slipway.lock', 'slipway.lock.db', 'lost+found']

/** Puts the key in its place and compares it with the one that the database needs. */
async function settleKey(options: RestoreOptions, stage: string, manifest: BackupManifest) {
  const file = join(stage, 'keys', 'seal.key')
  if (options.keyFile) await copyFile(options.keyFile, file)
  const there = await Bun.file(file).exists()
  const keyId = there ? (await openSealer(file)).keyId : undefined
  if (keyId === manifest.seal_key_id) return
  if (options.acceptLostKey) return rm(file, { force: true })
  const found = keyId ? `holds key ${keyId}` : 'has no key'
  const where = options.keyFile ?? 'the backup'
  throw backupFaults.key(
    `the database of the backup is sealed with key ${manifest.seal_key_id}, and ${where} ${found}: give the right one with --key FILE; if it is lost for good, go on with --accept-lost-key: ${KEY_LOSS}`,
  )
}

/** Judges the database before it gets its name: whole, of a version that we know, of this key. */
async function judgeDatabase(options: RestoreOptions, stage: string, manifest: BackupManifest) {
  using db = await openDb({ url: `file:${join(stage, 'slipway.db')}` })
  const { rows } = await db.client.execute('pragma quick_check')
  if (rows[0]?.['quick_check'] !== 'ok') {
    throw backupFaults.broken('the database in the backup is damaged: take an earlier backup')
  }
  await checkStore(db.read, options)
  const keyId = await readSetting(db.read, KEY_SETTING)
  if (keyId !== manifest.seal_key_id) {
    throw backupFaults.broken('manifest and database of the backup do not belong together')
  }
  const keyed = await Bun.file(join(stage, 'keys', 'seal.key')).exists()
  if (!keyed) await db.write((tx) => removeSetting(tx, KEY_SETTING))
  // Nothing of the work on it stays behind beside the file.
  await db.client.execute('pragma journal_mode = delete')
}

/**
 * Makes a data folder of a backup. All is read and judged before anything appears under its name.
 * Throws `lock.held`, `backup.not-empty`, `backup.broken`, `backup.key`, `store.newer`.
 */
export async function restoreBackup(options: RestoreOptions): Promise<BackupManifest> {
  const { dataDir, file } = options
  await mkdir(dataDir, { recursive: true, mode: 0o700 })
  await using _lock = await lockFolder(dataDir)
  const found = (await readdir(dataDir)).find((name) => !OURS_OR_NOBODYS.includes(name))
  if (found !== undefined) {
    throw backupFaults.notEmpty(
      `${dataDir} is not empty (it holds ${found}): restore into an empty folder, so that nothing is overwritten`,
    )
  }
  const stage = join(dataDir, 'tmp', 'restore')
  try {
    await mkdir(join(stage, 'keys'), { recursive: true, mode: 0o700 })
    const manifest = await readBackup(file, stage)
    await settleKey(options, stage, manifest)
    await judgeDatabase(options, stage, manifest)
    // The database last: a folder without one is not taken for a whole one.
    const names = (await readdir(stage)).toSorted(
      (a, b) => Number(a === 'slipway.db') - Number(b === 'slipway.db'),
    )
    for (const name of names) await rename(join(stage, name), join(dataDir, name))
    return manifest
  } finally {
    await rm(join(dataDir, 'tmp'), { recursive: true, force: true })
  }
}
