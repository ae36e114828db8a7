// SPDX-License-Identifier: AGPL-3.0-or-later
import { eq } from 'drizzle-orm'
import * as v from 'valibot'
import type { Db } from '../../../core/store/client.ts'
import type { View } from '../../../schemas/view.ts'
import { care } from '../tables.ts'

/** A small fact that survives a restart, by its name. */
export interface Fact<T> {
  /** The last value; `standard` before the first, and when an older version wrote something else. */
  get(): T
  set(value: T): Promise<void>
  /** Reads it from the database. */
  load(): Promise<void>
}

export function createFact<S extends v.GenericSchema>(
  db: Db,
  name: string,
  schema: S,
  standard: View<S>,
): Fact<View<S>> {
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
      // valibot gives it as changeable, and nobody changes it
      if (stored.success) value = stored.output as View<S>
    },
  }
}
