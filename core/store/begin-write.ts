// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Client, Transaction } from '@libsql/client'
import { drizzle } from 'drizzle-orm/libsql'
import { type RetryPlan, retry } from '../retry.ts'
import type { Tx } from './tx.ts'

/** Another process (a backup, a person with a SQLite shell) may hold the lock for a moment. */
const BUSY: RetryPlan = {
  attempts: 9,
  pauseMs: 20,
  again: (error) => /SQLITE_BUSY/.test(String(error)),
}

/**
 * A transaction that holds the write lock. The driver leaves a `BEGIN IMMEDIATE` that found the lock
 * taken unfinished on its connection, and no transaction can be committed there until the garbage
 * collector came by ("SQL statements in progress"); what `exec` runs is finished in any case.
 */
async function beginLocal(client: Client): Promise<Transaction> {
  const transaction = await client.transaction('deferred')
  try {
    await transaction.executeMultiple('commit; begin immediate')
    return transaction
  } catch (error) {
    transaction.close()
    throw error
  }
}

/** Runs one writing transaction. Waits for a lock of somebody else; what `work` throws rolls it back. */
export function createWriteTransaction(
  client: Client,
): <T>(work: (tx: Tx) => Promise<T>) => Promise<T> {
  const begin =
    client.protocol === 'file'
      ? () => retry(BUSY, () => beginLocal(client))
      : () => client.transaction('write')
  // Drizzle begins, commits and rolls back through the client's `transaction` and nothing else of it.
  const beginning = Object.create(client, { transaction: { value: begin } }) as Client
  const db = drizzle(beginning)
  return (work) => db.transaction(work)
}
