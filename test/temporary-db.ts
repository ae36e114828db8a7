// SPDX-License-Identifier: AGPL-3.0-or-later
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Db, openDb } from '../core/store/client.ts'
import { MIGRATIONS } from '../core/store/migrations-folder.ts'

/** Memory-backed storage where there is some: a file, since `:memory:` has one connection. */
export const fastFolder = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()

/** A database of core's tables in a folder of its own, removed at the end. */
export interface TemporaryDb extends AsyncDisposable {
  readonly db: Db
  readonly folder: string
  /** `file:` URL, for a second connection. */
  readonly url: string
}

export async function temporaryDb(): Promise<TemporaryDb> {
  const folder = await mkdtemp(join(fastFolder, 'slipway-db-'))
  const url = `file:${join(folder, 'slipway.db')}`
  const db = await openDb({ url })
  await db.migrate(MIGRATIONS, 'migrations_core')
  return {
    ...{ db, folder, url },
    async [Symbol.asyncDispose]() {
      db[Symbol.dispose]()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
