// SPDX-License-Identifier: AGPL-3.0-or-later
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

/** Placeholders for the values of a change, each under its column's name. */
export interface Blank<C> {
  /** The same for all changes of the same columns; a part of the query's name. */
  readonly shape: string
  /** For `set` and `values`: drizzle takes placeholders there, though its types do not say so. */
  readonly columns: C
}

/** Null stays null: the encoder of a JSON column would make it the text `null`. */
export function blank<C extends object>(change: C): Blank<C> {
  const given = Object.entries(change).filter(([, value]) => value !== undefined)
  const shape = given.map(([name, value]) => (value === null ? `${name}=null` : name)).join()
  const columns = given.map(([name, value]) => [
    name,
    value === null ? null : sql.placeholder(name),
  ])
  return { shape, columns: Object.fromEntries(columns) as C }
}
