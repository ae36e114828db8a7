// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { rm } from 'node:fs/promises'
import { temporaryDb } from '../../test/temporary-db.ts'
import { openDb } from './client.ts'
import { readSetting, writeSetting } from './settings.ts'

const failure = (work: Promise<unknown>) =>
  work.then(
    () => 'no failure',
    (error: unknown) => String(error),
  )

test('after a sync that failed nothing more is promised', async () => {
  await using temporary = await temporaryDb()
  using db = await openDb({ url: temporary.url })
  await readSetting(db.read, 'any')
  // The database has its log open; the sync finds none.
  await rm(`${temporary.folder}/slipway.db-wal`)
  const failed = 'the disk of the database failed to keep what was written'
  expect(await failure(db.write((tx) => writeSetting(tx, 'first', 1)))).toContain(failed)
  let ran = false
  const second = db.write(async () => {
    ran = true
  })
  expect(await failure(second)).toContain(failed)
  expect(ran).toBe(false)
})

test('one write that fails by itself does not end the others', async () => {
  await using temporary = await temporaryDb()
  const { db } = temporary
  const broken = db.write(() => Promise.reject(new Error('its own')))
  expect(await failure(broken)).toBe('Error: its own')
  await db.write((tx) => writeSetting(tx, 'after', 1))
  expect(await readSetting(db.read, 'after')).toBe(1)
})
