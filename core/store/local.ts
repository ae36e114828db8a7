// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Client } from '@libsql/client'
import { ConnectionPool, Sqlite3Client } from '@libsql/client/sqlite3'
import { LibSQLDatabase } from 'drizzle-orm/libsql/driver-core'
import { LibSQLTransaction } from 'drizzle-orm/libsql/session'
import { type RetryPlan, retry } from '../retry.ts'
import { type Connection, columnsOf, type Outcome, runKept, runWords } from './kept-statements.ts'
import { dialect, type Executor, LocalSession } from './local-session.ts'
import type { Reader, Tx } from './tx.ts'
import { openWalSync, type WalSync } from './wal-sync.ts'
import type { Writer } from './writer.ts'

/** As @libsql/client has it. */
const MOST_CONNECTIONS = 20

/** Another process (a backup, a person with a SQLite shell) may hold the lock for a moment. */
const BUSY: RetryPlan = {
  attempts: 9,
  pauseMs: 20,
  again: (error) => /SQLITE_BUSY/.test(String(error)),
}

const notOnDisk = (cause: unknown) =>
  new Error(
    'the disk of the database failed to keep what was written: look at it, then start anew',
    {
      cause,
    },
  )

/** A transaction that holds the write lock, from its begin on. */
export class WriteTransaction {
  readonly #connection: Connection

  /** Throws SQLITE_BUSY when another connection holds the lock. */
  constructor(connection: Connection) {
    this.#connection = connection
    // Not a kept statement: one that found the lock taken stays unfinished on its connection.
    runWords(connection, 'begin immediate')
  }

  run(sql: string, args: readonly unknown[] = []): Outcome {
    return runKept(this.#connection, sql, args)
  }

  columns(sql: string): string[] {
    return columnsOf(this.#connection, sql)
  }

  /** Others see it; on the disk it is after the next sync of the log. */
  commit(): void {
    this.run('commit')
  }

  /** SQLite may have rolled back by itself: a full disk does that. */
  rollback(): void {
    if (this.#connection.open && this.#connection.inTransaction) this.run('rollback')
  }
}

interface WriterParts {
  readonly client: Client
  readonly pool: ConnectionPool
  readonly wal: WalSync
}

function createWriter({ client, pool, wal }: WriterParts): Writer {
  /** The transaction under way, if any: whatever is written goes into it. */
  let current: WriteTransaction | undefined
  /** Once a sync has failed nobody knows what stands on the disk: nothing more is promised. */
  let lost: { readonly cause: unknown } | undefined
  const open = (): WriteTransaction => {
    if (current) return current
    throw new Error('a write came after the end of its transaction')
  }
  const executor: Executor = {
    run: (sql, args) => open().run(sql, args),
    columns: (sql) => open().columns(sql),
  }
  const session = new LocalSession({ client, executor })
  // One for all transactions: queries that were prepared on it stay so.
  const tx: Tx = new LibSQLTransaction('async', dialect, session, undefined)
  const inTransaction = async <T>(work: (tx: Tx) => Promise<T>): Promise<T> => {
    const connection = pool.acquireSync(true)
    try {
      // No sync at the commit: one that does not stop the event loop follows it.
      runWords(connection, 'pragma synchronous = normal')
      const transaction = await retry(BUSY, async () => new WriteTransaction(connection))
      current = transaction
      try {
        const value = await work(tx)
        transaction.commit()
        return value
      } catch (error) {
        transaction.rollback()
        throw error
      }
    } finally {
      current = undefined
      if (connection.open) runWords(connection, 'pragma synchronous = full')
      pool.release(connection)
    }
  }
  return {
    async transaction(work) {
      if (lost) throw notOnDisk(lost.cause)
      const value = await inTransaction(work)
      await wal.sync().catch((cause: unknown) => {
        lost = { cause }
        throw notOnDisk(cause)
      })
      return value
    },
    async savepoint(_, work) {
      open().run('savepoint one')
      try {
        const value = await work(tx)
        open().run('release one')
        return value
      } catch (error) {
        open().run('rollback to one')
        open().run('release one')
        throw error
      }
    },
  }
}

/** A database file, its statements kept. */
export interface Local extends Disposable {
  /** @libsql/client's own, over the same connections: migrations and pragmas. */
  readonly client: Client
  readonly read: Reader
  readonly writer: Writer
}

/** Opens nothing yet: the first use of `client` or `read` does, and throws when it can not. The caller disposes it. */
export function openLocal(path: string): Local {
  const pool = new ConnectionPool(path, {}, MOST_CONNECTIONS)
  const client = new Sqlite3Client(pool, 'number')
  const borrowed = <T>(use: (connection: Connection) => T): T => {
    const connection = pool.acquireSync()
    try {
      return use(connection)
    } finally {
      pool.release(connection)
    }
  }
  const executor: Executor = {
    run: (sql, args) => borrowed((connection) => runKept(connection, sql, args)),
    columns: (sql) => borrowed((connection) => columnsOf(connection, sql)),
  }
  const session = new LocalSession({ client, executor })
  const read: Reader = new LibSQLDatabase('async', dialect, session, undefined)
  const wal = openWalSync(path)
  return {
    ...{ client, read, writer: createWriter({ client, pool, wal }) },
    [Symbol.dispose]() {
      wal[Symbol.dispose]()
      client.close()
    },
  }
}
