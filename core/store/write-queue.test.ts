// SPDX-License-Identifier: AGPL-3.0-or-later

import { expect, test } from 'bun:test'
import { createClient } from '@libsql/client'
import { temporaryDb } from '../../test/temporary-db.ts'
import { databasePath } from './client.ts'
import { openLocal } from './local.ts'
import { readSetting, writeSetting } from './settings.ts'
import { createWriteQueue } from './write-queue.ts'
import type { Writer } from './writer.ts'

const numbers = (count: number) => Array.from({ length: count }, (_, index) => index)

test('writes that wait together are all stored, in their order', async () => {
  await using temporary = await temporaryDb()
  const { db } = temporary
  const order: number[] = []
  await Promise.all(
    numbers(200).map((n) =>
      db.write((tx) => writeSetting(tx, 'last', n)).then(() => order.push(n)),
    ),
  )
  expect(order).toEqual(numbers(200))
  expect(await readSetting(db.read, 'last')).toBe(199)
})

test('a write that throws undoes its own changes and nobody else’s', async () => {
  await using temporary = await temporaryDb()
  const { db } = temporary
  const outcomes = await Promise.allSettled(
    numbers(9).map((n) =>
      db.write(async (tx) => {
        await writeSetting(tx, `key-${n}`, n)
        if (n % 3 === 1) throw new Error(`no ${n}`)
        return n
      }),
    ),
  )
  for (const n of numbers(9)) {
    const failed = n % 3 === 1
    expect(outcomes[n]?.status).toBe(failed ? 'rejected' : 'fulfilled')
    expect(await readSetting(db.read, `key-${n}`)).toBe(failed ? undefined : n)
  }
})

test('a statement that the database refuses fails its own write only', async () => {
  await using temporary = await temporaryDb()
  const { db } = temporary
  const [before, broken, after] = await Promise.allSettled([
    db.write((tx) => writeSetting(tx, 'before', 1)),
    db.write(async (tx) => {
      await writeSetting(tx, 'broken', 1)
      await tx.run('insert into nowhere values (1)')
    }),
    db.write((tx) => writeSetting(tx, 'after', 1)),
  ])
  expect([before.status, broken.status, after.status]).toEqual([
    'fulfilled',
    'rejected',
    'fulfilled',
  ])
  expect(await readSetting(db.read, 'broken')).toBeUndefined()
  expect(await readSetting(db.read, 'after')).toBe(1)
})

test('a write sees what an earlier one of its group wrote', async () => {
  await using temporary = await temporaryDb()
  const { db } = temporary
  const [, seen] = await Promise.all([
    db.write((tx) => writeSetting(tx, 'turn', 'first')),
    db.write((tx) => readSetting(tx, 'turn')),
  ])
  expect(seen).toBe('first')
})

test('nobody is answered before the commit: another connection sees what was promised', async () => {
  await using temporary = await temporaryDb()
  const { db, url } = temporary
  const other = createClient({ url })
  const sql = 'select value from settings where name = ?'
  const seen = await Promise.all(
    numbers(50).map(async (n) => {
      await db.write((tx) => writeSetting(tx, `n-${n}`, n))
      return (await other.execute({ sql, args: [`n-${n}`] })).rows[0]?.['value']
    }),
  )
  other.close()
  expect(seen).toEqual(numbers(50).map(String))
})

test('a transaction that ends as a whole fails everyone in it, and the next ones go on', async () => {
  await using temporary = await temporaryDb()
  const { db } = temporary
  const outcomes = await Promise.allSettled([
    db.write((tx) => writeSetting(tx, 'one', 1)),
    // What SQLite itself does when the disk is full or broken.
    db.write((tx) => tx.run('rollback')),
    db.write((tx) => writeSetting(tx, 'three', 3)),
  ])
  expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected'])
  await db.write((tx) => writeSetting(tx, 'four', 4))
  expect(await readSetting(db.read, 'one')).toBeUndefined()
  expect(await readSetting(db.read, 'four')).toBe(4)
})

/** A disk whose fsync takes 5 ms. */
function slowDisk(writer: Writer) {
  let commits = 0
  const slow: Writer = {
    ...writer,
    async transaction(work) {
      const value = await writer.transaction(work)
      commits++
      await Bun.sleep(5)
      return value
    },
  }
  return { slow, commits: () => commits }
}

test('on a slow disk writes that come in one by one share commits', async () => {
  await using temporary = await temporaryDb()
  using opened = openLocal(databasePath(temporary.url) ?? '')
  const disk = slowDisk(opened.writer)
  const queue = createWriteQueue(disk.slow)
  const written: Promise<void>[] = []
  for (const n of numbers(100)) {
    written.push(queue.write((tx) => writeSetting(tx, `n-${n}`, n)))
    await new Promise((resolve) => setImmediate(resolve))
  }
  await Promise.all(written)
  expect(disk.commits()).toBeLessThan(25)
  expect(await readSetting(temporary.db.read, 'n-99')).toBe(99)
})

test('the lock of another connection is waited for', async () => {
  await using temporary = await temporaryDb()
  const { db, url } = temporary
  const other = createClient({ url })
  const holding = await other.transaction('write')
  const written = db.write((tx) => writeSetting(tx, 'late', 1))
  const meanwhile = await Promise.race([written, Bun.sleep(60).then(() => 'waits' as const)])
  await holding.commit()
  other.close()
  expect(meanwhile).toBe('waits')
  await written
  expect(await readSetting(db.read, 'late')).toBe(1)
})
