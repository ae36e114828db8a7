// SPDX-License-Identifier: AGPL-3.0-or-later
import { afterEach, beforeEach, expect, test } from 'bun:test'
import * as v from 'valibot'
import { newJob, noDocuments } from '../../test/job-row.ts'
import { type TemporaryDb, temporaryDb } from '../../test/temporary-db.ts'
import { CoreConfig } from '../config.ts'
import { createHooks } from '../hooks.ts'
import { createMachines } from '../machines/machines.ts'
import { createSealer } from '../seal.ts'
import { eventsOf } from '../store/job-story.ts'
import { insertJob, patchJob } from '../store/jobs.ts'
import { MINUTE } from '../units.ts'
import { createBook } from './book.ts'
import { createFeed } from './feed.ts'
import type { Job } from './job.ts'
import { judge } from './judge.ts'
import type { JobParts } from './parts.ts'

const ON = 1_800_000_000_000

let temporary: TemporaryDb
let parts: JobParts
let at: number

beforeEach(async () => {
  at = ON
  temporary = await temporaryDb()
  const { db } = temporary
  const now = () => at
  const sealer = createSealer(new Uint8Array(32), 'seal.key')
  parts = {
    ...{ db, now, sealer, config: v.parse(CoreConfig, {}) },
    book: createBook({ db, now, hooks: createHooks(), feed: createFeed() }),
    machines: createMachines({ db, now, sealer }),
  } as unknown as JobParts
})
afterEach(() => temporary[Symbol.asyncDispose]())

async function launched(more: Partial<Job>): Promise<Job> {
  const row = { status: 'provisioning', launches: 2, poweredOnAt: ON, ...more } as const
  const job = await parts.db.write((tx) => insertJob(tx, newJob(row), noDocuments))
  if (!job) throw new Error('no job')
  return job
}

const lines = async (job: Job) => (await eventsOf(parts.db.read, job.id)).map((row) => row.message)

test('a claim that came in since the row was taken is believed, and nothing is said', async () => {
  const stale = await launched({ firstReadAt: ON, lastFreshReadAt: ON })
  at = ON + 31 * MINUTE
  await parts.db.write((tx) =>
    patchJob(tx, stale.id, ['provisioning'], { claimedAt: at, heardAt: at }),
  )
  await judge(parts, stale, 0)
  expect(await parts.book.get(stale.id)).toMatchObject({ status: 'provisioning', nextCheckAt: at })
  expect(await lines(stale)).toEqual([])
})

test('a job that was canceled since the row was taken stays canceled', async () => {
  const stale = await launched({})
  at = ON + 16 * MINUTE
  await parts.db.write((tx) =>
    patchJob(tx, stale.id, ['provisioning'], { result: 'canceled', status: 'failed' } as never),
  )
  await judge(parts, stale, 0)
  expect(await parts.book.get(stale.id)).toMatchObject({ result: 'canceled', failedCode: null })
  expect(await lines(stale)).toEqual([])
})

test('before its time a job only learns when to look again, after a start not within the grace', async () => {
  const job = await launched({})
  await judge(parts, job, 0)
  expect((await parts.book.get(job.id))?.nextCheckAt).toBe(ON + 15 * MINUTE)
  at = ON + 16 * MINUTE
  await judge(parts, job, at + 10 * MINUTE)
  expect(await parts.book.get(job.id)).toMatchObject({
    ...{ status: 'provisioning', nextCheckAt: ON + 26 * MINUTE },
  })
})

test('the verdict names the machine, what was seen last, and closes the job', async () => {
  const job = await launched({ firstReadAt: ON, lastFreshReadAt: ON })
  at = ON + 31 * MINUTE
  await judge(parts, job, 0)
  expect(await parts.book.get(job.id)).toMatchObject({
    status: 'failed',
    failedStep: 'await-claim',
    failedCode: 'machine.unclaimed',
    failedReason: expect.stringMatching(/machine S1 .* within 31 min .*last seen: nothing/),
    settleBegunAt: at,
    nextCheckAt: at,
  })
})
