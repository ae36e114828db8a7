// SPDX-License-Identifier: AGPL-3.0-or-later
import { afterAll, beforeAll, beforeEach, expect, test } from 'bun:test'
import { join } from 'node:path'
import { Fault } from '../../../core/faults.ts'
import type { OciQuotaRule } from '../../../schemas/oci-admin.ts'
import { type TemporaryDb, temporaryDb } from '../../../test/temporary-db.ts'
import { blobs, repositoryBlobs } from '../tables.ts'
import { createQuota, type OpenUpload } from './quota.ts'

let temporary: TemporaryDb
beforeAll(async () => {
  temporary = await temporaryDb()
  await temporary.db.migrate(join(import.meta.dir, '../migrations'), 'migrations_oci')
})
afterAll(() => temporary[Symbol.asyncDispose]())
beforeEach(async () => {
  for (const table of [blobs, repositoryBlobs]) await temporary.db.read.delete(table)
  at = 0
  open = []
})

let at = 0
let open: OpenUpload[] = []

const quotaWith = (...rules: OciQuotaRule[]) =>
  createQuota({ db: temporary.db, rules: () => rules, uploads: () => open, clock: () => at })

let last = 0
async function store(repository: string, sizeBytes: number) {
  const digest = `sha256:${String(++last).padStart(64, '0')}`
  await temporary.db.read.insert(blobs).values({ digest, sizeBytes, createdAt: 1 })
  await temporary.db.read.insert(repositoryBlobs).values({ repository, digest, linkedAt: 1 })
}

const refused = async (work: () => unknown) => {
  try {
    await work()
    return ''
  } catch (error) {
    if (error instanceof Fault && error.code === 'oci.denied') return error.message
    throw error
  }
}

test('a quota counts what its repositories hold together, and names what is left', async () => {
  await store('t/a', 400)
  await store('t/b', 500)
  await store('other', 10_000)
  const quota = quotaWith({ repositories: 't/**', limit_bytes: 1_000 })
  expect(await refused(() => quota.reserve('t/c', 101))).toContain('100 of 1000 are left')
  expect(await refused(() => quota.reserve('t/c', 100))).toBe('')
  expect(await refused(() => quota.reserve('other', 10 ** 9))).toBe('')
  expect(await quota.uses()).toEqual([
    { repositories: 't/**', limitBytes: 1_000, usedBytes: 1_000 },
  ])
})

test('two uploads at once do not get the same room', async () => {
  const quota = quotaWith({ repositories: 't', limit_bytes: 1_000 })
  await quota.reserve('t', 600)
  expect(await refused(() => quota.reserve('t', 600))).toContain('400 of 1000 are left')
})

test('an upload of unknown length is stopped when it goes beyond the quota', async () => {
  const quota = quotaWith({ repositories: 't', limit_bytes: 1_000 })
  const room = await quota.reserve('t', 0)
  room.grow(600)
  room.grow(400)
  expect(await refused(() => room.grow(1))).toContain('quota of t exceeded')
})

test('stored bytes count once: by their reservation until the next count', async () => {
  const quota = quotaWith({ repositories: 't', limit_bytes: 1_000 })
  const room = await quota.reserve('t', 900)
  at = 100
  await store('t', 900)
  room.stored()
  room.release()
  expect(await refused(() => quota.reserve('t', 200))).not.toBe('')
  at = 5_000
  expect(await quota.uses()).toEqual([{ repositories: 't', limitBytes: 1_000, usedBytes: 900 }])
  expect(await refused(() => quota.reserve('t', 100))).toBe('')
})

test('many pushes that wait for the first count get the room of the quota and no more', async () => {
  const quota = quotaWith({ repositories: 't', limit_bytes: 1_000 })
  const tries = Array.from({ length: 30 }, () => refused(() => quota.reserve('t', 100)))
  expect((await Promise.all(tries)).filter((why) => why === '')).toHaveLength(10)
})

test('the bytes of an upload that goes on are counted once, and again when it stops', async () => {
  open = [{ id: '1', repository: 't', sizeBytes: 300 }]
  const quota = quotaWith({ repositories: 't', limit_bytes: 1_000 })
  const room = await quota.reserve('t', 600, { id: '1', repository: 't', sizeBytes: 300 })
  open = [{ id: '1', repository: 't', sizeBytes: 500 }] // it is receiving
  expect(await refused(() => quota.reserve('t', 101))).toContain('100 of 1000 are left')
  room.release() // cut after 200 bytes
  expect(await refused(() => quota.reserve('t', 501))).toContain('500 of 1000 are left')
})

test('open uploads count, and a quota of nothing takes nothing', async () => {
  open = [{ id: '1', repository: 't', sizeBytes: 300 }]
  const quota = quotaWith({ repositories: 't', limit_bytes: 1_000 })
  expect(await refused(() => quota.reserve('t', 701))).toContain('700 of 1000 are left')
  expect(
    await refused(() => quotaWith({ repositories: '**', limit_bytes: 0 }).reserve('t', 1)),
  ).not.toBe('')
})

test('of several quotas each must allow it, and the fullest is told', async () => {
  await store('t/a', 90)
  const quota = quotaWith(
    { repositories: '**', limit_bytes: 1_000 },
    { repositories: 't/*', limit_bytes: 100 },
  )
  expect(await refused(() => quota.reserve('t/a', 11))).toContain('quota of t/*')
  expect(quota.fullest('t/a')?.repositories).toBe('t/*')
  expect(quota.fullest('x')?.repositories).toBe('**')
})
