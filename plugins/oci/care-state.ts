// SPDX-License-Identifier: AGPL-3.0-or-later
import { eq } from 'drizzle-orm'
import * as v from 'valibot'
import type { Db } from '../../core/store/client.ts'
import { care } from './tables.ts'

/** A small fact that survives a restart, by its name. */
export interface Fact<T> {
  /** The last value; `standard` before the first, and when an older version wrote something else. */
  get(): T
  set(value: T): Promise<void>
  /** Reads it from the database. */
  load(): Promise<void>
}

export function createFact<T>(
  db: Db,
  name: string,
  schema: v.GenericSchema<unknown, T>,
  standard: T,
): Fact<T> {
  let value = standard
  return {
    get: () => value,
    async set(next) {
      await db.write((tx) =>
        tx
          .insert(care)
          .values({ name, value: next })
          .onConflictDoUpdate({ target: care.name, set: { value: next } }),
      )
      value = next
    },
    async load() {
      const [row] = await db.read.select().from(care).where(eq(care.name, name))
      const stored = v.safeParse(schema, row?.value)
      if (stored.success) value = stored.output
    },
  }
}
