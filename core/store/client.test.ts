// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { temporaryDb } from '../../test/temporary-db.ts'

/** `synchronous` as SQLite counts it: 1 is NORMAL, which in WAL syncs at checkpoints only. */
const FULL = 2

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
