// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Client } from '@libsql/client'
import { drizzle } from 'drizzle-orm/libsql'
import type { Tx } from './tx.ts'

/** Writing transactions, one at a time. */
export interface Writer {
  /** What `work` throws rolls it back. Resolves once it is committed. */
  transaction<T>(work: (tx: Tx) => Promise<T>): Promise<T>
  /** A part of the transaction under way: what `work` throws undoes the part. */
  savepoint<T>(tx: Tx, work: (tx: Tx) => Promise<T>): Promise<T>
}

/** Over a client that talks to a database server. */
export function createRemoteWriter(client: Client): Writer {
  // Drizzle begins, commits and rolls back through the client's `transaction` and nothing else of it.
  const writing = Object.create(client, {
    transaction: { value: () => client.transaction('write') },
  }) as Client
  const db = drizzle(writing)
  return {
    transaction: (work) => db.transaction(work),
    savepoint: (tx, work) => tx.transaction(work),
  }
}
