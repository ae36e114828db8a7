// SPDX-License-Identifier: AGPL-3.0-or-later
import { join } from 'node:path'
import type { CoreConfig } from '../core/config.ts'
import type { Plugin } from '../core/plugin.ts'
import { type Db, openDb } from '../core/store/client.ts'
import { MIGRATIONS } from '../core/store/migrations-folder.ts'
import { checkSchema, lastVersionOf } from '../core/store/schema-version.ts'
import { writeSetting } from '../core/store/settings.ts'

export interface StoreOptions {
  readonly config: CoreConfig['store']
  readonly dataDir: string
  readonly plugins: readonly Pick<Plugin, 'name' | 'migrations'>[]
  /** Of this program, e.g. `0.1.0`. */
  readonly version: string
}

/** Core's migrations and each plugin's, with the table that keeps the tally. */
const histories = (plugins: StoreOptions['plugins']) => [
  { folder: MIGRATIONS, table: 'migrations_core' },
  ...plugins.flatMap(({ name, migrations }) =>
    migrations ? [{ folder: migrations, table: `migrations_${name.replaceAll('-', '_')}` }] : [],
  ),
]

/**
 * Opens the database and brings it to this program's schema. A database of a later version is
 * refused before anything is changed: throws `store.newer` or `store.foreign`.
 */
export async function openStore(options: StoreOptions): Promise<Db> {
  const { url, auth_token: authToken } = options.config
  using opening = new DisposableStack()
  const db = opening.use(
    await openDb({
      url: url || `file:${join(options.dataDir, 'slipway.db')}`,
      ...(authToken ? { authToken } : {}),
    }),
  )
  const before = await lastVersionOf(db.read)
  for (const history of histories(options.plugins)) {
    const { version } = options
    await checkSchema(db.read, { ...history, version, lastVersion: before })
  }
  for (const { folder, table } of histories(options.plugins)) await db.migrate(folder, table)
  await db.write((tx) => writeSetting(tx, 'version', options.version))
  opening.move()
  return db
}
