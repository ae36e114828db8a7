// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { generateSQLiteDrizzleJson, generateSQLiteMigration } from 'drizzle-kit/api'
import { is } from 'drizzle-orm'
import { getTableConfig, integer, SQLiteTable, sqliteTable } from 'drizzle-orm/sqlite-core'
import { newJob, noDocuments } from '../../test/job-row.ts'
import { temporaryDb } from '../../test/temporary-db.ts'
import { openDb } from './client.ts'
import { findJob, insertJob } from './jobs.ts'
import { MIGRATIONS } from './migrations-folder.ts'
import * as tables from './tables.ts'

type Snapshot = Awaited<ReturnType<typeof generateSQLiteDrizzleJson>>

/** The SQL that would bring the last snapshot to these tables. */
async function missing(wanted: Record<string, unknown>): Promise<readonly string[]> {
  const meta = join(MIGRATIONS, 'meta')
  const last = readdirSync(meta)
    .filter((name) => name.endsWith('_snapshot.json'))
    .toSorted()
    .at(-1)
  const snapshot: Snapshot = await Bun.file(join(meta, last ?? '')).json()
  return generateSQLiteMigration(snapshot, await generateSQLiteDrizzleJson(wanted, snapshot.id))
}

test('there is a migration for every change of the tables', async () => {
  expect(await missing(tables)).toEqual([])
  const later = sqliteTable('later', { id: integer('id').primaryKey() })
  expect(await missing({ ...tables, later })).not.toEqual([])
})

test('the migrated database has the tables of the code, column by column', async () => {
  await using temporary = await temporaryDb()
  const wanted = Object.values(tables).filter((each) => is(each, SQLiteTable))
  expect(wanted.length).toBeGreaterThan(5)
  for (const table of wanted as SQLiteTable[]) {
    const { name, columns, indexes } = getTableConfig(table)
    const found = await temporary.db.client.execute(`pragma table_info(${name})`)
    expect(
      found.rows.map((row) => ({
        name: row['name'],
        type: String(row['type']).toLowerCase(),
        isRequired: row['notnull'] === 1,
      })),
    ).toEqual(
      columns.map((column) => ({
        name: column.name,
        type: column.getSQLType(),
        isRequired: column.notNull,
      })),
    )
    const listed = await temporary.db.client.execute(`pragma index_list(${name})`)
    const names = listed.rows.map((row) => row['name'])
    for (const index of indexes) expect(names).toContain(index.config.name)
  }
})

test('migrations that have run do not run again, and nothing is lost', async () => {
  await using temporary = await temporaryDb()
  const { db, url } = temporary
  const job = await db.write((tx) => insertJob(tx, newJob(), noDocuments))
  const count = async () =>
    (await db.client.execute('select count(*) from migrations_core')).rows[0]?.[0]
  const before = await count()
  await db.migrate(MIGRATIONS, 'migrations_core')
  using again = await openDb({ url })
  await again.migrate(MIGRATIONS, 'migrations_core')
  expect(await count()).toBe(before)
  expect(await findJob(again.read, job?.id ?? '')).toEqual(job)
})

test('a folder without migrations is said, not passed over', async () => {
  await using temporary = await temporaryDb()
  await expect(temporary.db.migrate(temporary.folder, 'migrations_x')).rejects.toThrow(
    /no migrations in/,
  )
})

test('a lock that another process holds for a moment is waited for', async () => {
  await using temporary = await temporaryDb()
  const script = `import { Database } from 'bun:sqlite'
    const db = new Database(${JSON.stringify(temporary.url.replace('file:', ''))})
    db.run('begin immediate')
    console.log('held')
    for await (const _ of process.stdin) break
    db.run('commit')`
  const holder = Bun.spawn([process.execPath, '-e', script], { stdin: 'pipe', stdout: 'pipe' })
  await holder.stdout.getReader().read()
  const written = temporary.db.write((tx) => insertJob(tx, newJob(), noDocuments))
  // A read passes while the write waits.
  expect(await findJob(temporary.db.read, 'nobody')).toBeUndefined()
  holder.stdin.write('\n')
  holder.stdin.flush()
  expect(await written).toMatchObject({ status: 'queued' })
})
