// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { sql } from 'drizzle-orm'
import { temporaryDb } from '../../test/temporary-db.ts'
import { databasePath } from './client.ts'

/** `synchronous` as SQLite counts it: NORMAL syncs at checkpoints only when there is a log. */
const [NORMAL, FULL] = [1, 2]

test('every connection of the pool commits with an fsync, the first and the last', async () => {
  await using temporary = await temporaryDb()
  const { db } = temporary
  // Each open transaction holds a connection of its own.
  const held = await Promise.all(Array.from({ length: 12 }, () => db.client.transaction('read')))
  try {
    for (const transaction of held) {
      const { rows } = await transaction.execute('pragma synchronous')
      const mode = await transaction.execute('pragma journal_mode')
      expect([rows[0]?.[0], mode.rows[0]?.[0]]).toEqual([FULL, 'wal'])
    }
  } finally {
    for (const transaction of held) transaction.close()
  }
})

test('a write leaves the sync to the one that follows its commit', async () => {
  await using temporary = await temporaryDb()
  const { db } = temporary
  const asked = sql`pragma synchronous`
  expect(await db.write((tx) => tx.all<unknown>(asked))).toEqual([{ synchronous: NORMAL }])
  expect(await db.read.all<unknown>(asked)).toEqual([{ synchronous: FULL }])
})

test.each([
  ['file:/var/lib/slipway.db', '/var/lib/slipway.db'],
  ['file:///var/lib/slip%20way.db', '/var/lib/slip way.db'],
  ['file://localhost/var/slipway.db', '/var/slipway.db'],
  ['file:slipway.db', 'slipway.db'],
  ['libsql://db.example.org', undefined],
  ['https://db.example.org', undefined],
])('the URL %p names the file %p', (url, path) => {
  expect(databasePath(url)).toBe(path)
})

test.each(['file:', 'file://other.example.org/slipway.db'])('%p is no database file', (url) => {
  expect(() => databasePath(url)).toThrow('names no database file')
})
