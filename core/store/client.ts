// SPDX-License-Identifier: AGPL-3.0-or-later
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type Client, createClient } from '@libsql/client'
import { drizzle, type LibSQLDatabase } from 'drizzle-orm/libsql'
import { migrate } from 'drizzle-orm/libsql/migrator'
import { type RetryPlan, retry } from '../retry.ts'

export type Reader = LibSQLDatabase
export type Tx = Parameters<Parameters<LibSQLDatabase['transaction']>[0]>[0]

/**
 * The database. Reads pass freely (WAL); every write goes through one queue, because the driver's
 * connections are synchronous: two writers at once would fail with SQLITE_BUSY or stop the event loop.
 */
export interface Db extends Disposable {
  /** For reading only. */
  readonly read: Reader
  /** One transaction; no I/O but the database's inside. What it throws rolls it back. */
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

/** Another process (a backup, a person with a SQLite shell) may hold the lock for a moment. */
const BUSY: RetryPlan = {
  attempts: 9,
  pauseMs: 20,
  again: (error) => error instanceof Busy,
}

/** The transaction did not begin: nothing of the work has run. */
class Busy extends Error {}

async function begun<T>(db: Reader, work: (tx: Tx) => Promise<T>): Promise<T> {
  let ran = false
  return retry(BUSY, () =>
    db
      .transaction((tx) => {
        ran = true
        return work(tx)
      })
      .catch((cause: unknown) => {
        const busy = !ran && /SQLITE_BUSY/.test(String(cause))
        throw busy ? new Busy('the database is locked by another process', { cause }) : cause
      }),
  )
}

/** Opens the database. The caller disposes it. Throws when it is not a database or can not be reached. */
export async function openDb(options: DbOptions): Promise<Db> {
  const client = createClient({
    url: options.url,
    ...(options.authToken ? { authToken: options.authToken } : {}),
  })
  if (options.url.startsWith('file:')) await client.execute('pragma journal_mode = wal')
  const read = drizzle(client)
  let tail: Promise<unknown> = Promise.resolve()
  const queue = <T>(work: () => Promise<T>): Promise<T> => {
    const turn = tail.then(work, work)
    tail = turn.catch(() => undefined)
    return turn
  }
  return {
    read,
    client,
    write: (work) => queue(() => begun(read, work)),
    migrate: (folder, table) =>
      queue(async () => {
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
