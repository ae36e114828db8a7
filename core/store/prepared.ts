// SPDX-License-Identifier: AGPL-3.0-or-later
import type { ResultSet } from '@libsql/client'
import { sql } from 'drizzle-orm'
import type { Reader, Tx } from './tx.ts'

const queriesOf = new WeakMap<Reader | Tx, Map<string, unknown>>()

/**
 * The query of this name on `db`, built at its first use: for those that every job asks dozens of
 * times, since drizzle needs longer to write the text of a wide one than SQLite to run it. Two
 * queries may not share a name.
 */
export function prepared<Q>(db: Reader | Tx, name: string, build: () => Q): Q {
  const known = queriesOf.get(db) ?? new Map<string, unknown>()
  const found = known.get(name)
  if (found !== undefined) return found as Q
  const query = build()
  queriesOf.set(db, known.set(name, query))
  return query
}

/** Names the columns of a change: the same for all of which one query can be prepared. */
export function shapeOf(change: object): string {
  let shape = ''
  for (const [name, value] of Object.entries(change)) {
    if (value !== undefined) shape += value === null ? `${name}=null,` : `${name},`
  }
  return shape
}

/**
 * For `set` and `values`: a placeholder for each value, under its column's name. Drizzle takes them
 * there, though its types do not say so. Null stays null: the encoder of a JSON column would make it
 * the text `null`.
 */
export function placeholders<C extends object>(change: C): C {
  const given = Object.entries(change).filter(([, value]) => value !== undefined)
  return Object.fromEntries(
    given.map(([name, value]) => [name, value === null ? null : sql.placeholder(name)]),
  ) as C
}

/** The row with the number that its insert gave it: to read it back would cost more than to write it. */
export const numbered = <R extends object>(
  row: R,
  { lastInsertRowid }: Pick<ResultSet, 'lastInsertRowid'>,
) => ({ ...row, seq: Number(lastInsertRowid) })
