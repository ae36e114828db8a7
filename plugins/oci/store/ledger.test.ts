// SPDX-License-Identifier: AGPL-3.0-or-later
import { afterEach, beforeEach, expect, test } from 'bun:test'
import { join } from 'node:path'
import type { Db } from '../../../core/store/client.ts'
import { type TemporaryDb, temporaryDb } from '../../../test/temporary-db.ts'
import { blobs, tagHistory, tags } from '../tables.ts'
import { createLedger } from './ledger.ts'

let temporary: TemporaryDb
beforeEach(async () => {
  temporary = await temporaryDb()
  await temporary.db.migrate(join(import.meta.dir, '../migrations'), 'migrations_oci')
})
afterEach(() => temporary[Symbol.asyncDispose]())

const blob = (name: string) => ({ digest: name, sizeBytes: 1, createdAt: 1 })
const tag = (digest: string, setAt: number) => ({
  ...{ repository: 'r', name: 't', digest, setAt, setBy: 'ada' },
})

test('pushes that come together share a commit', async () => {
  let commits = 0
  const counted: Db = {
    ...temporary.db,
    write: (work) => {
      commits++
      return temporary.db.write(work)
    },
  }
  const ledger = createLedger(counted)
  await Promise.all(Array.from({ length: 50 }, (_, at) => ledger.add({ blobs: [blob(`b${at}`)] })))
  expect(await temporary.db.read.select().from(blobs)).toHaveLength(50)
  expect(commits).toBeLessThan(5)
})

test('of two moves of a tag in one commit the later one stands, and history knows both', async () => {
  const ledger = createLedger(temporary.db)
  await Promise.all([ledger.add({ tags: [tag('a', 1)] }), ledger.add({ tags: [tag('b', 2)] })])
  expect(await temporary.db.read.select().from(tags)).toMatchObject([{ digest: 'b', setAt: 2 }])
  const history = await temporary.db.read.select().from(tagHistory).orderBy(tagHistory.seq)
  expect(history.map(({ digest }) => digest)).toEqual(['a', 'b'])
})

test('a push of an object that is quarantined makes it good again', async () => {
  const ledger = createLedger(temporary.db)
  await ledger.add({ blobs: [{ ...blob('x'), state: 'quarantined' }] })
  await ledger.add({ blobs: [blob('x')] })
  expect(await temporary.db.read.select().from(blobs)).toMatchObject([{ state: 'good' }])
})

test('all of a commit that failed are told, and the next one goes through', async () => {
  let fails = true
  const failing: Db = {
    ...temporary.db,
    write: (work) => (fails ? Promise.reject(new Error('full')) : temporary.db.write(work)),
  }
  const ledger = createLedger(failing)
  const both = await Promise.allSettled([
    ledger.add({ blobs: [blob('a')] }),
    ledger.add({ blobs: [blob('b')] }),
  ])
  expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  fails = false
  await ledger.add({ blobs: [blob('c')] })
  expect(await temporary.db.read.select().from(blobs)).toMatchObject([{ digest: 'c' }])
})
