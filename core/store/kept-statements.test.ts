// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { createClient } from '@libsql/client'
import { sql } from 'drizzle-orm'
import { temporaryDb } from '../../test/temporary-db.ts'
import type { Tx } from './client.ts'
import { settings } from './tables.ts'

/** What goes in as an argument comes back as. */
async function through(value: unknown): Promise<unknown> {
  await using temporary = await temporaryDb()
  const [row] = await temporary.db.read.all<{ v: unknown }>(sql`select ${value} as v`)
  return row?.v
}

const AS_THEY_ARE = ['text', '', 'ä\u{1f600}', 0, -1.5, Number.MAX_SAFE_INTEGER, null]
test.each(AS_THEY_ARE.map((value) => [value]))('%p comes back as it went in', async (value) => {
  expect(await through(value)).toBe(value)
})

test.each([
  ['true as 1', true, 1],
  ['false as 0', false, 0],
  ['a date as its milliseconds', new Date(1_700_000_000_000), 1_700_000_000_000],
  ['a bigint as its number', 42n, 42],
])('the database takes %s', async (_, value, expected) => {
  expect(await through(value)).toBe(expected)
})

test('bytes come back as bytes, also those that are a part of a longer buffer', async () => {
  const part = new Uint8Array([9, 1, 2, 3, 9]).subarray(1, 4)
  expect(await through(part)).toEqual(Buffer.from([1, 2, 3]))
})

test.each([
  ['undefined', undefined],
  ['NaN', Number.NaN],
  ['a function', () => 1],
  ['an object', { a: 1 }],
  ['a bigint past 64 bits', 2n ** 64n],
])('%s is refused before the driver sees it', async (_, value) => {
  await using temporary = await temporaryDb()
  const asked = async () => temporary.db.read.all(sql`select ${sql.param(value)} as v`)
  await expect(asked()).rejects.toMatchObject({ cause: { name: 'TypeError' } })
})

test('an integer that no number can hold is refused, not rounded', async () => {
  await using temporary = await temporaryDb()
  const asked = async () => temporary.db.read.all(sql`select 9007199254740993 as v`)
  await expect(asked()).rejects.toMatchObject({ cause: { name: 'RangeError' } })
})

test('what the database refuses has the code of its family and its own', async () => {
  await using temporary = await temporaryDb()
  const twice = (tx: Tx) => tx.run(sql`insert into settings values ('one', '1')`)
  await temporary.db.write(twice)
  await expect(temporary.db.write(twice)).rejects.toMatchObject({
    cause: { code: 'SQLITE_CONSTRAINT', extendedCode: 'SQLITE_CONSTRAINT_PRIMARYKEY' },
  })
})

test('a statement that was refused is good for the next time', async () => {
  await using temporary = await temporaryDb()
  const { db } = temporary
  const insert = (name: string) => (tx: Tx) =>
    tx.run(sql`insert into settings values (${name}, '1')`)
  await db.write(insert('one'))
  await expect(db.write(insert('one'))).rejects.toThrow()
  await db.write(insert('two'))
  expect(await db.read.all(sql`select name from settings order by name`)).toEqual([
    { name: 'one' },
    { name: 'two' },
  ])
})

test('statements follow a table that is changed under them', async () => {
  await using temporary = await temporaryDb()
  const { db } = temporary
  const all = () => db.read.all(sql`select * from settings`)
  await db.write((tx) => tx.run(sql`insert into settings values ('one', '1')`))
  expect(await all()).toEqual([{ name: 'one', value: '1' }])
  await db.client.execute('alter table settings add column more text')
  expect(await all()).toEqual([{ name: 'one', value: '1', more: null }])
})

test('more texts than are kept at once all give their own answer', async () => {
  await using temporary = await temporaryDb()
  const texts = Array.from({ length: 600 }, (_, n) => n)
  for (const round of [1, 2]) {
    for (const n of texts) {
      const [row] = await temporary.db.read.all<{ v: number }>(sql.raw(`select ${n * round} as v`))
      expect(row?.v).toBe(n * round)
    }
  }
})

test('a row that is changed and asked for at once is changed for good', async () => {
  await using temporary = await temporaryDb()
  const { db, url } = temporary
  await db.write(async (tx) => {
    for (const name of ['one', 'two']) await tx.insert(settings).values({ name, value: 1 })
  })
  // Only the first row is read; both are changed.
  const changed = await db.write((tx) => tx.update(settings).set({ value: 2 }).returning().get())
  expect(changed).toEqual({ name: 'one', value: 2 })
  const other = createClient({ url })
  const { rows } = await other.execute('select value from settings')
  expect(rows.map((row) => row['value'])).toEqual(['2', '2'])
  const { rows: log } = await other.execute('pragma wal_checkpoint(truncate)')
  expect(log[0]?.['busy']).toBe(0)
  other.close()
})

test('what was read once is read anew, also where only the first row was asked for', async () => {
  await using temporary = await temporaryDb()
  const { db } = temporary
  await db.write((tx) => tx.insert(settings).values({ name: 'one', value: 1 }))
  const first = async () => (await db.read.select().from(settings).get())?.value
  expect(await first()).toBe(1)
  await db.write((tx) => tx.update(settings).set({ value: 2 }))
  // By another statement too: the connection as a whole must not stay in the past.
  expect(await db.read.select({ value: settings.value }).from(settings)).toEqual([{ value: 2 }])
  expect(await first()).toBe(2)
})

test('no read that has ended holds up a checkpoint', async () => {
  await using temporary = await temporaryDb()
  const { db } = temporary
  await db.write((tx) => tx.run(sql`insert into settings values ('one', '1')`))
  await db.read.all(sql`select * from settings`)
  const held = await db.client.transaction('read')
  const { rows } = await held.execute('pragma wal_checkpoint(passive)').finally(() => held.close())
  // busy, pages in the log, pages that were moved
  expect([rows[0]?.[0], rows[0]?.[1]]).toEqual([0, rows[0]?.[2]])
})

test('a write that comes after the end of its transaction is refused', async () => {
  await using temporary = await temporaryDb()
  let late: Tx | undefined
  await temporary.db.write(async (tx) => {
    late = tx
  })
  expect(late).toBeDefined()
  const written = late?.run(sql`insert into settings values ('late', '1')`)
  await expect(Promise.resolve(written)).rejects.toMatchObject({
    cause: { message: expect.stringContaining('after the end of its transaction') },
  })
  expect(await temporary.db.read.all(sql`select * from settings`)).toEqual([])
})
