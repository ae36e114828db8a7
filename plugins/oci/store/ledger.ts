// SPDX-License-Identifier: AGPL-3.0-or-later
import type { ResultSet } from '@libsql/client'
import { getTableName, type SQL, sql } from 'drizzle-orm'
import type {
  SQLiteInsertBase,
  SQLiteInsertOnConflictDoUpdateConfig,
  SQLiteInsertValue,
  SQLiteTable,
} from 'drizzle-orm/sqlite-core'
import type { Db, Tx } from '../../../core/store/client.ts'
import { placeholders, prepared, shapeOf } from '../../../core/store/prepared.ts'
import {
  blobs,
  freshBytes,
  manifestReferences,
  manifests,
  repositories,
  repositoryBlobs,
  tagHistory,
  tags,
} from '../tables.ts'
import type { OciEvent, Recorder } from '../watch/events.ts'
import { inGroups, oneTurn } from './groups.ts'

/** Rows that one push adds; they stand together or not at all. */
export interface Rows {
  readonly repositories?: readonly (typeof repositories.$inferInsert)[]
  readonly blobs?: readonly (typeof blobs.$inferInsert)[]
  readonly links?: readonly (typeof repositoryBlobs.$inferInsert)[]
  readonly fresh?: readonly (typeof freshBytes.$inferInsert)[]
  readonly manifests?: readonly (typeof manifests.$inferInsert)[]
  readonly references?: readonly (typeof manifestReferences.$inferInsert)[]
  readonly tags?: readonly (typeof tags.$inferInsert)[]
  /** What is recorded of it. */
  readonly events?: readonly OciEvent[]
}

/** Writes what pushes add. Those that come while a commit is under way share the next one. */
export interface Ledger {
  /** Resolves once the rows stand on the disk. None of them can clash: a row that is there is renewed. */
  add(rows: Rows): Promise<void>
}

/** Most pushes in one commit: bounds how long the event loop is held. */
const GROUP = 256
/** From here on a commit takes long, ms. */
const LONG_MS = 8
/** Longest wait for others to join a commit, ms. */
const MOST_WAIT_MS = 10

const excluded = (column: string): SQL => sql.raw(`excluded.${column}`)

/** Which columns a row that is there already takes over. */
type Renewed<T extends SQLiteTable> = SQLiteInsertOnConflictDoUpdateConfig<
  SQLiteInsertBase<T, 'async', ResultSet>
>

/** One statement for each row: its text is made once, where that of a group would be made anew each time. */
async function addEach<T extends SQLiteTable>(
  tx: Tx,
  table: T,
  rows: readonly SQLiteInsertValue<T>[],
  renewed?: Renewed<T>,
): Promise<void> {
  for (const row of rows) {
    const query = prepared(tx, `ledger ${getTableName(table)} ${shapeOf(row)}`, () => {
      const insert = tx.insert(table).values(placeholders(row))
      return (renewed ? insert.onConflictDoUpdate(renewed) : insert.onConflictDoNothing()).prepare()
    })
    await query.run(row)
  }
}

async function insertAll(tx: Tx, rows: Required<Rows>, record: Recorder): Promise<void> {
  await addEach(tx, repositories, rows.repositories)
  // A push brings good bytes: what was quarantined is healed.
  await addEach(tx, blobs, rows.blobs, {
    target: blobs.digest,
    set: { state: 'good', sizeBytes: excluded('size_bytes') },
  })
  await addEach(tx, repositoryBlobs, rows.links, {
    target: [repositoryBlobs.repository, repositoryBlobs.digest],
    set: { linkedAt: excluded('linked_at') },
  })
  await addEach(tx, freshBytes, rows.fresh)
  await addEach(tx, manifests, rows.manifests, {
    target: [manifests.repository, manifests.digest],
    set: {
      mediaType: excluded('media_type'),
      pushedAt: excluded('pushed_at'),
      pushedBy: excluded('pushed_by'),
    },
  })
  await addEach(tx, manifestReferences, rows.references)
  await addEach(tx, tags, rows.tags, {
    target: [tags.repository, tags.name],
    set: {
      digest: excluded('digest'),
      setAt: excluded('set_at'),
      setBy: excluded('set_by'),
    },
  })
  const moves = rows.tags.map(({ repository, name, digest, setAt, setBy }) => ({
    ...{ repository, tag: name, digest, at: setAt, by: setBy },
  }))
  await addEach(tx, tagHistory, moves)
  for (const event of rows.events) await record(tx, event)
}

/** Those of a group mostly push to one: each is added once. */
const repositoriesOf = (group: readonly Rows[]): Required<Rows>['repositories'] => {
  const byName = new Map(
    group.flatMap((rows) => rows.repositories ?? []).map((row) => [row.name, row]),
  )
  return [...byName.values()]
}

const together = (group: readonly Rows[]): Required<Rows> => ({
  repositories: repositoriesOf(group),
  blobs: group.flatMap((rows) => rows.blobs ?? []),
  links: group.flatMap((rows) => rows.links ?? []),
  fresh: group.flatMap((rows) => rows.fresh ?? []),
  manifests: group.flatMap((rows) => rows.manifests ?? []),
  references: group.flatMap((rows) => rows.references ?? []),
  tags: group.flatMap((rows) => rows.tags ?? []),
  events: group.flatMap((rows) => rows.events ?? []),
})

export function createLedger(db: Db, record: Recorder = async () => {}): Ledger {
  /** The last commit: how many shared it, and how long it took. */
  let last = { count: 0, ms: 0 }

  /**
   * Whoever was just answered may have more. A turn of the event loop lets it join, and the others come
   * while this commit is synced. Only where that takes long are fewer, larger commits better: then a
   * fraction of that time is given to as many as there were before.
   */
  const gather = async (waiting: () => number): Promise<void> => {
    await oneTurn()
    if (last.ms < LONG_MS) return
    const until = performance.now() + Math.min(MOST_WAIT_MS, last.ms / 4)
    while (waiting() < last.count && performance.now() < until) await Bun.sleep(1)
  }

  const commit = async (group: readonly Rows[]): Promise<readonly undefined[]> => {
    const began = performance.now()
    try {
      await db.write((tx) => insertAll(tx, together(group), record))
    } finally {
      last = { count: group.length, ms: performance.now() - began }
    }
    return group.map(() => undefined)
  }

  return { add: inGroups<Rows, undefined>({ most: GROUP, gather, work: commit }) }
}
