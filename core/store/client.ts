// SPDX-License-Identifier: AGPL-3.0-or-later
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type Client, createClient } from '@libsql/client'
import { drizzle } from 'drizzle-orm/libsql'
import { migrate } from 'drizzle-orm/libsql/migrator'
import { type Local, openLocal } from './local.ts'
import type { Reader, Tx } from './tx.ts'
import { createWriteQueue } from './write-queue.ts'
import { createRemoteWriter } from './writer.ts'

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

/** The path that a `file:` URL names; undefined for one of a server. Throws for a file of another host. */
export function databasePath(url: string): string | undefined {
  if (!url.startsWith('file:')) return undefined
  const [, host = '', path = ''] = /^file:(?:\/\/([^/]*))?([^?#]*)/.exec(url) ?? []
  if (path !== '' && (host === '' || host === 'localhost')) return decodeURIComponent(path)
  throw new Error(`"${url}" names no database file: write file:/absolute/path.db`)
}

function openRemote({ url, authToken }: DbOptions): Local {
  const client = createClient({ url, ...(authToken ? { authToken } : {}) })
  const parts = { client, read: drizzle(client), writer: createRemoteWriter(client) }
  return { ...parts, [Symbol.dispose]: () => client.close() }
}

async function useLog(client: Client, path: string): Promise<void> {
  const { rows } = await client.execute('pragma journal_mode = wal')
  if (rows[0]?.['journal_mode'] === 'wal') return
  throw new Error(
    `the database ${path} can not be kept with a log beside it: its folder has to be on a local file system`,
  )
}

/** Opens the database. The caller disposes it. Throws when it is not a database or can not be reached. */
export async function openDb(options: DbOptions): Promise<Db> {
  const path = databasePath(options.url)
  const opened = path === undefined ? openRemote(options) : openLocal(path)
  const { client, read, writer } = opened
  // A step that was journalled has to survive a power cut before the machine is touched: each write
  // is followed by a sync of the log; outside of writes `synchronous` stays at its default, FULL.
  if (path !== undefined) await useLog(client, path)
  const queue = createWriteQueue(writer)
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
    [Symbol.dispose]: () => opened[Symbol.dispose](),
  }
}
