// SPDX-License-Identifier: AGPL-3.0-or-later
import { asc, eq, gt } from 'drizzle-orm'
import type { Db } from '../../../core/store/client.ts'
import { repositories, type SparsePolicy } from '../tables.ts'
import { createLru } from './lru.ts'

const KEPT = 10_000

export interface Repository {
  readonly name: string
  readonly createdAt: number
  readonly sparse: SparsePolicy | null
}

/** Name spaces; the first push makes one. */
export interface Repositories {
  find(name: string): Promise<Repository | undefined>
  /** Behind `after`, in ASCII order. */
  list(page: { after?: string; limit: number }): Promise<readonly Repository[]>
  /** To be called by whoever changes or removes one. */
  forget(name: string): void
}

export function createRepositories(db: Db): Repositories {
  const kept = createLru<Repository>(KEPT, () => 1)
  return {
    find: (name) =>
      kept.load(name, async () => {
        const [row] = await db.read.select().from(repositories).where(eq(repositories.name, name))
        return row
      }),
    list: async ({ after = '', limit }) =>
      await db.read
        .select()
        .from(repositories)
        .where(gt(repositories.name, after))
        .orderBy(asc(repositories.name))
        .limit(limit),
    forget: (name) => kept.drop(name),
  }
}
