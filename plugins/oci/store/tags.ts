// SPDX-License-Identifier: AGPL-3.0-or-later
import { and, asc, eq, gt, sql } from 'drizzle-orm'
import type { Db, Tx } from '../../../core/store/client.ts'
import { tagHistory, tags } from '../tables.ts'
import type { Digest } from './digest.ts'
import { createLru } from './lru.ts'

const KEPT = 50_000

export interface Tag {
  readonly name: string
  readonly digest: Digest
  readonly setAt: number
  readonly setBy: string
}

export interface TagChange {
  readonly seq: number
  /** null: it was deleted. */
  readonly digest: Digest | null
  readonly at: number
  readonly by: string
}

/** Movable names for manifests. */
export interface Tags {
  find(repository: string, tag: string): Promise<Digest | undefined>
  /** The same, when it is at hand. */
  known(repository: string, tag: string): Digest | undefined
  /** Names behind `after` in ASCII order. */
  list(repository: string, page: { after?: string; limit: number }): Promise<readonly string[]>
  /** With everything that is known of them. */
  entries(repository: string, page: { after?: string; limit: number }): Promise<readonly Tag[]>
  /** Names that point at a manifest. */
  of(repository: string, digest: Digest): Promise<readonly string[]>
  /** Newest first. */
  history(repository: string, tag: string, limit?: number): Promise<readonly TagChange[]>
  /** False when there was none. */
  remove(
    repository: string,
    tag: string,
    by: string,
    also?: (tx: Tx) => Promise<void>,
  ): Promise<boolean>
  /** A committed change. */
  moved(repository: string, tag: string, digest: Digest): void
  /** To be called by whoever changes rows of tags behind this. */
  forget(repository: string, tag: string): void
}

const keyOf = (repository: string, tag: string) => `${repository} ${tag}`

export function createTags(db: Db, now: () => number): Tags {
  const kept = createLru<Digest>(KEPT, () => 1)
  const query = db.read
    .select({ digest: tags.digest })
    .from(tags)
    .where(
      and(
        eq(tags.repository, sql.placeholder('repository')),
        eq(tags.name, sql.placeholder('tag')),
      ),
    )
    .prepare()
  const page = (repository: string, after: string, limit: number) =>
    db.read
      .select()
      .from(tags)
      .where(and(eq(tags.repository, repository), gt(tags.name, after)))
      .orderBy(asc(tags.name))
      .limit(limit)

  return {
    known: (repository, tag) => kept.get(keyOf(repository, tag)),
    find: (repository, tag) =>
      kept.load(keyOf(repository, tag), async () => {
        const [row] = await query.all({ repository, tag })
        // only digests are ever written there
        return row?.digest as Digest | undefined
      }),
    async list(repository, { after = '', limit }) {
      const rows = await db.read
        .select({ name: tags.name })
        .from(tags)
        .where(and(eq(tags.repository, repository), gt(tags.name, after)))
        .orderBy(asc(tags.name))
        .limit(limit)
      return rows.map(({ name }) => name)
    },
    async entries(repository, { after = '', limit }) {
      return (await page(repository, after, limit)) as readonly Tag[]
    },
    async of(repository, digest) {
      const rows = await db.read
        .select({ name: tags.name })
        .from(tags)
        .where(and(eq(tags.repository, repository), eq(tags.digest, digest)))
      return rows.map(({ name }) => name)
    },
    async history(repository, tag, limit = 1_000) {
      const rows = await db.read
        .select()
        .from(tagHistory)
        .where(and(eq(tagHistory.repository, repository), eq(tagHistory.tag, tag)))
        .orderBy(sql`${tagHistory.seq} desc`)
        .limit(limit)
      return rows as readonly TagChange[]
    },
    async remove(repository, tag, by, also) {
      const removed = await db.write(async (tx) => {
        const gone = await tx
          .delete(tags)
          .where(and(eq(tags.repository, repository), eq(tags.name, tag)))
          .returning()
        if (gone.length === 0) return false
        await tx.insert(tagHistory).values({ repository, tag, digest: null, at: now(), by })
        await also?.(tx)
        return true
      })
      kept.drop(keyOf(repository, tag))
      return removed
    },
    moved: (repository, tag, digest) => kept.set(keyOf(repository, tag), digest),
    forget: (repository, tag) => kept.drop(keyOf(repository, tag)),
  }
}
