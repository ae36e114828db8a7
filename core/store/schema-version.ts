// SPDX-License-Identifier: AGPL-3.0-or-later
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { sql } from 'drizzle-orm'
import * as v from 'valibot'
import { defineFaults } from '../faults.ts'
import type { Reader } from './client.ts'
import { readSetting } from './settings.ts'

export const storeFaults = defineFaults('store', {
  /** The database was made by a later version. */
  newer: { status: 500, retry: false },
  /** The database has a history of its own. */
  foreign: { status: 500, retry: false },
})

const Journal = v.object({
  entries: v.array(v.object({ tag: v.string(), when: v.number() })),
})

/** A migration: its name, and the Unix ms by which the migrator tells them apart. */
export type Migration = v.InferOutput<typeof Journal>['entries'][number]

/** The migrations of a folder, oldest first. Throws when there are none, or their times do not rise. */
export async function migrationsOf(folder: string): Promise<readonly Migration[]> {
  const path = join(folder, 'meta/_journal.json')
  const { entries } = v.parse(Journal, JSON.parse(await readFile(path, 'utf8')))
  // The migrator looks at the last time only: one that is older than its predecessor never runs.
  const late = entries.find(({ when }, at) => when <= (entries[at - 1]?.when ?? 0))
  if (late) throw new Error(`${path}: ${late.tag} is not younger than the migration before it`)
  return entries
}

async function hasTable(db: Reader, name: string): Promise<boolean> {
  const found = sql`select 1 from sqlite_master where type = 'table' and name = ${name}`
  return (await db.all(found)).length > 0
}

/** The version of the program that had the database last; undefined for a new one. */
export async function lastVersionOf(db: Reader): Promise<string | undefined> {
  const version = (await hasTable(db, 'settings')) ? await readSetting(db, 'version') : undefined
  return typeof version === 'string' ? version : undefined
}

/** Times of the migrations that have run, by the tally `table`. Empty for a new database. */
async function appliedOf(db: Reader, table: string): Promise<readonly number[]> {
  if (!(await hasTable(db, table))) return []
  const rows = await db.all<{ at: number }>(
    sql`select created_at as at from ${sql.identifier(table)} order by created_at`,
  )
  return rows.map(({ at }) => Number(at))
}

export interface SchemaCheck {
  readonly folder: string
  /** Tally of the migrator. */
  readonly table: string
  /** What this program is called when versions are compared, e.g. `0.1.0`. */
  readonly version: string
  /** Version that last had this database; undefined when none wrote itself down. */
  readonly lastVersion: string | undefined
}

/**
 * Refuses a database whose migrations this program does not know: it would write rows that the
 * version they belong to can not read. Throws `store.newer`, `store.foreign`.
 */
export async function checkSchema(db: Reader, check: SchemaCheck): Promise<void> {
  const known = await migrationsOf(check.folder)
  const times = new Set(known.map(({ when }) => when))
  const unknown = (await appliedOf(db, check.table)).filter((when) => !times.has(when))
  const [first] = unknown
  if (first === undefined) return
  const last = known.at(-1)
  const day = new Date(first).toISOString().slice(0, 10)
  const writer = check.lastVersion ? `slipway ${check.lastVersion}` : 'a later version of slipway'
  if (last && first > last.when) {
    throw storeFaults.newer(
      `the database was upgraded by ${writer} (to a schema of ${day}), and this is slipway ${check.version}, which knows schemas up to ${last.tag}: start the later version, or restore a backup that this one made`,
    )
  }
  throw storeFaults.foreign(
    `the database carries a change of ${day} by ${writer} that slipway ${check.version} does not know: it belongs to another line of versions; start that one, or restore a backup`,
  )
}
