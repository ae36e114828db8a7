// SPDX-License-Identifier: AGPL-3.0-or-later
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type Client, createClient } from '@libsql/client'
import { drizzle } from 'drizzle-orm/libsql'
import { migrate } from 'drizzle-orm/libsql/migrator'
import type { Reader, Tx } from './tx.ts'
import { createWriteQueue } from './write-queue.ts'

export type { Reader, Tx } from './tx.ts'

/**
 * The database. Reads pass freely (WAL); every write goes through one queue, because the driver's
 * connections are synchronous: two writers at once would fail with SQLITE_BUSY or stop the event loop.
 */
export interface Db extends Disposable {
  /** For reading only. */
  readonly read: Reader
  /**
   * One transaction, or its part of one that it shares with others: no I/O but the database's inside.
   * What it throws rolls it back, alone. Resolves once it stands on the disk.
   */
  write<T>(work: (tx: Tx) => Promise<T>): Promise<T>
  /** Runs the migrations of `folder` that have not run yet; `table` keeps the tally. */
  migrate(folder: string, table: string): Promise<void>
  readonly client: Client
}

export interface DbOptions {
  /** `file:/abs/path`, `libsql://…` or `http(s)://…`. */
  readonly url: string
  readonly authToken?: string
}

/** Opens the database. The caller disposes it. Throws when it is not a database or can not be reached. */
export async function openDb(options: DbOptions): Promise<Db> {
  const client = createClient({
    url: options.url,
    ...(options.authToken ? { authToken: options.authToken } : {}),
  })
  // `synchronous` stays at its default, FULL, on every connection of the pool: a step that was
  // journalled has to survive a power cut before the machine is touched (client.test.ts).
  if (options.url.startsWith('file:')) await client.execute('pragma journal_mode = wal')
  const read = drizzle(client)
  const queue = createWriteQueue(client)
  return {
    read,
    client,
    write: queue.write,
    migrate: (folder, table) =>
      queue.alone(async () => {
        if (!existsSync(join(folder, 'meta/_journal.json'))) {
          throw new Error(`no migrations in ${folder}`)
        }
        await migrate(read, {
          migrationsFolder: folder,
          migrationsTable: table,
        })
      }),
    [Symbol.dispose]: () => client.close(),
  }
}
