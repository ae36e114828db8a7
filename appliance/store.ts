// SPDX-License-Identifier: AGPL-3.0-or-later
import { join } from 'node:path'
import type { CoreConfig } from '../core/config.ts'
import { defineFaults } from '../core/faults.ts'
import type { Plugin } from '../core/plugin.ts'
import { type Db, openDb, type Reader } from '../core/store/client.ts'
import { MIGRATIONS } from '../core/store/migrations-folder.ts'
import { checkSchema, lastVersionOf } from '../core/store/schema-version.ts'
import { writeSetting } from '../core/store/settings.ts'

export const storeFileFaults = defineFaults('store', {
  corrupt: { status: 500, retry: false },
})

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
 * Refuses a database that a later version upgraded, before anything is changed. Throws
 * `store.newer` or `store.foreign`.
 */
export async function checkStore(
  db: Reader,
  { plugins, version }: Pick<StoreOptions, 'plugins' | 'version'>,
): Promise<void> {
  const lastVersion = await lastVersionOf(db)
  for (const history of histories(plugins)) {
    await checkSchema(db, { ...history, version, lastVersion })
  }
}

/**
 * Opens the database and brings it to this program's schema. Throws what
 * `checkStore` throws.
 */
export async function openStore(options: StoreOptions): Promise<Db> {
  const { url, auth_token: authToken } = options.config
  using opening = new DisposableStack()
  const place = url || `file:${join(options.dataDir, 'slipway.db')}`
  const db = opening.use(
    await openDb({ url: place, ...(authToken ? { authToken } : {}) }).catch((cause: unknown) => {
      if (!/SQLITE_(CORRUPT|NOTADB)/.test(String(cause))) throw cause
      throw storeFileFaults.corrupt(
        `the database ${place} is damaged: put it back from a backup (\`slipway restore\`), or look at it with \`sqlite3 … .recover\``,
        { cause },
      )
    }),
  )
  await checkStore(db.read, options)
  for (const { folder, table } of histories(options.plugins)) await db.migrate(folder, table)
  await db.write((tx) => writeSetting(tx, 'version', options.version))
  opening.move()
  return db
}
