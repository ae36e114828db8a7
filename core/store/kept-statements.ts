// SPDX-License-Identifier: AGPL-3.0-or-later
import { LibsqlError } from '@libsql/client'
import type { ConnectionPool } from '@libsql/client/sqlite3'

/** One connection of the driver: synchronous, and busy with one call at a time. */
export type Connection = ReturnType<ConnectionPool['acquireSync']>

/** What one statement gave. */
export interface Outcome {
  readonly rows: unknown[][]
  /** Changed rows, where the statement returns none. */
  readonly changes: number
  /** `rowid` of the last insert of this connection, likewise. */
  readonly lastId: bigint | undefined
}

type Statement = ReturnType<Connection['prepare']>
interface Kept {
  readonly statement: Statement
  readonly returnsRows: boolean
}

/** About 10 KiB each. What is asked oftener than this many others is never prepared twice. */
const MOST_KEPT = 256
const keptOf = new WeakMap<Connection, Map<string, Kept>>()

/**
 * The statement for this text. Preparing it anew for each call, as @libsql/client does, costs ten
 * times what running it costs, and what it leaves behind is freed by the garbage collector only.
 */
function keep(connection: Connection, sql: string): Kept {
  const known = keptOf.get(connection) ?? new Map<string, Kept>()
  const found = known.get(sql)
  if (found) return found
  const statement = connection.prepare(sql)
  const kept = { statement, returnsRows: statement.reader }
  if (kept.returnsRows) statement.raw(true)
  const oldest = known.size < MOST_KEPT ? undefined : known.keys().next().value
  if (oldest !== undefined) known.delete(oldest)
  keptOf.set(connection, known.set(sql, kept))
  return kept
}

/** The column names of a statement that returns rows. */
export const columnsOf = (connection: Connection, sql: string): string[] =>
  keep(connection, sql)
    .statement.columns()
    .map(({ name }) => name)

/**
 * The driver ends the whole process on a boolean and binds null for `undefined` and NaN: only what it
 * takes for what it is goes through.
 */
function bound(value: unknown): unknown {
  if (value === null || typeof value === 'string') return value
  if (typeof value === 'number' && Number.isFinite(value)) return value
  if (typeof value === 'boolean') return value ? 1 : 0
  if (typeof value === 'bigint' && BigInt.asIntN(64, value) === value) return value
  if (value instanceof Date) return bound(value.getTime())
  if (value instanceof ArrayBuffer) return Buffer.from(value)
  if (value instanceof Uint8Array) {
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  }
  throw new TypeError(`a value of type ${typeof value} can not go into the database`)
}

/** The driver gives integers as doubles: past 2^53 another one than what is stored. */
function refuseRounded(row: readonly unknown[]): void {
  for (const value of row) {
    if (typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value)) {
      throw new RangeError('an integer in the database is too large for a number')
    }
  }
}

interface DriverError extends Error {
  readonly code: string
  readonly rawCode?: number
}
const isDriverError = (error: unknown): error is DriverError =>
  error instanceof Error && 'code' in error && /^SQLITE_/.test(String(error.code))

/** As @libsql/client has it: `code` is the family, `extendedCode` the whole. */
function told(error: unknown): unknown {
  if (!isDriverError(error)) return error
  const [family = error.code] = /^SQLITE_[A-Z]+/.exec(error.code) ?? []
  return new LibsqlError(error.message, family, error.code, error.rawCode, error)
}

/** Runs one statement to its end. Throws a LibsqlError for what the database refuses. */
export function runKept(connection: Connection, sql: string, args: readonly unknown[]): Outcome {
  // In an array, always: a lone Uint8Array or null means something else to the driver.
  const values = args.map(bound)
  try {
    const { statement, returnsRows } = keep(connection, sql)
    if (!returnsRows) {
      const { changes, lastInsertRowid } = statement.run(values)
      return { rows: [], changes, lastId: BigInt(lastInsertRowid) }
    }
    // Never `get`: it leaves the statement at its first row, and the connection with the state of then.
    const rows = statement.all(values) as unknown[][]
    for (const row of rows) refuseRounded(row)
    return { rows, changes: 0, lastId: undefined }
  } catch (error) {
    throw told(error)
  }
}

/** Runs words without arguments or rows: finished in any case, also when it throws. */
export function runWords(connection: Connection, words: string): void {
  try {
    connection.exec(words)
  } catch (error) {
    throw told(error)
  }
}
