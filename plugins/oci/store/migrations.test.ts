// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { generateSQLiteDrizzleJson, generateSQLiteMigration } from 'drizzle-kit/api'
import { getTableConfig, type SQLiteTable } from 'drizzle-orm/sqlite-core'
import * as accessTables from '../access-tables.ts'
import * as storeTables from '../tables.ts'

const tables = { ...storeTables, ...accessTables }

test('there is a migration for every change of the tables', async () => {
  const meta = join(import.meta.dir, '../migrations/meta')
  const last = readdirSync(meta)
    .filter((name) => name.endsWith('_snapshot.json'))
    .toSorted()
    .at(-1)
  const snapshot = await Bun.file(join(meta, last ?? '')).json()
  const wanted = await generateSQLiteDrizzleJson(tables, snapshot.id)
  expect(await generateSQLiteMigration(snapshot, wanted)).toEqual([])
})

test('every table bears the name of the plugin', () => {
  const names = Object.values(tables).map((table) => getTableConfig(table as SQLiteTable).name)
  expect(names.length).toBeGreaterThan(8)
  for (const name of names) expect(name).toStartWith('oci_')
})
