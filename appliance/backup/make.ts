// SPDX-License-Identifier: AGPL-3.0-or-later
import { constants } from 'node:fs'
import { chmod, copyFile, mkdir, readdir, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { writePrivateFile } from '../../core/private-file.ts'
import { BACKUP_FILE, type BackupManifest } from '../../schemas/backup.ts'
import type { Version } from '../../schemas/version.ts'
import { pack } from './pack.ts'
import { sha256Of } from './sha256.ts'
import { databaseFile, snapshot } from './snapshot.ts'

export interface BackupParts {
  /** As configured; empty: the file in the data folder. */
  readonly databaseUrl: string
  readonly dataDir: string
  /** The configuration file that was read. */
  readonly configFile: string | undefined
  readonly sealKeyId: string
  readonly version: Version
  /** Unix ms. */
  readonly now: () => number
}

/** A tar archive on its way. It must be read to its end or canceled: then its copies are removed. */
export interface Backup {
  readonly manifest: BackupManifest
  readonly stream: ReadableStream<Uint8Array>
}

/** Copies a file that may not be there. */
async function take(from: string, to: string): Promise<boolean> {
  try {
    await copyFile(from, to, constants.COPYFILE_EXCL)
    await chmod(to, 0o600)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw error
  }
}

/** Copies what belongs to the backup below `stage`; the paths that are there now. */
async function collect(parts: BackupParts, stage: string, keys: boolean): Promise<string[]> {
  await mkdir(join(stage, 'keys'), { recursive: true, mode: 0o700 })
  const database = databaseFile(parts.databaseUrl, parts.dataDir)
  await snapshot(database, join(stage, 'slipway.db'), stage)
  await chmod(join(stage, 'slipway.db'), 0o600)
  const wanted: (readonly [from: string, to: string])[] = []
  if (keys) {
    wanted.push([join(parts.dataDir, 'admin.token'), 'admin.token'])
    for (const name of (await readdir(join(parts.dataDir, 'keys'))).toSorted()) {
      // Files that are being written, or that people laid there, have other names.
      const path = `keys/${name}`
      if (BACKUP_FILE.test(path)) wanted.push([join(parts.dataDir, path), path])
    }
    // It may hold a secret too, of webhooks or JWTs.
    if (parts.configFile) wanted.push([parts.configFile, 'slipway.toml'])
  }
  const taken = ['slipway.db']
  for (const [from, to] of wanted) if (await take(from, join(stage, to))) taken.push(to)
  return taken
}

async function manifestOf(parts: BackupParts, stage: string, keys: boolean, paths: string[]) {
  const files = await Promise.all(
    paths.map(async (path) => ({
      path,
      size_bytes: (await stat(join(stage, path))).size,
      sha256: await sha256Of(join(stage, path)),
    })),
  )
  const manifest: BackupManifest = {
    schema: 'slipway.backup/1',
    made_at: new Date(parts.now()).toISOString(),
    version: parts.version.version,
    commit: parts.version.commit,
    seal_key_id: parts.sealKeyId,
    keys,
    files,
  }
  await writePrivateFile(join(stage, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`)
  return manifest
}

/** Database, keys, admin token and configuration; without `keys` the database alone, which is sealed. */
export async function makeBackup(parts: BackupParts, keys: boolean): Promise<Backup> {
  const stage = join(parts.dataDir, 'tmp', `backup-${Bun.randomUUIDv7()}`)
  const clear = () => rm(stage, { recursive: true, force: true })
  try {
    await mkdir(dirname(stage), { recursive: true, mode: 0o700 })
    const paths = await collect(parts, stage, keys)
    const manifest = await manifestOf(parts, stage, keys, paths)
    // The manifest goes first: a restore knows what is to come.
    const pieces = pack(stage, ['manifest.json', ...paths])
    return { manifest, stream: streamOf(pieces, clear) }
  } catch (error) {
    await clear()
    throw error
  }
}

function streamOf(pieces: AsyncGenerator<Uint8Array>, clear: () => Promise<void>) {
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { done, value } = await pieces.next()
        if (!done) return controller.enqueue(value)
        await clear()
        controller.close()
      } catch (error) {
        await clear()
        controller.error(error)
      }
    },
    async cancel() {
      await pieces.return(undefined)
      await clear()
    },
  })
}
