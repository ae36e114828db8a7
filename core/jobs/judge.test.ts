// SPDX-License-Identifier: AGPL-3.0-or-later
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
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

describe('a boot that our own absence cut', () => {
  const cut: Partial<Job> = {
    launches: 1,
    firstReadAt: ON,
    lastFreshReadAt: ON + MINUTE,
    pausedMs: 2 * MINUTE,
  }
  const boot: Job['media'][number] = {
    ...{ slot: 'boot', name: 'boot.iso', driveUri: '/d', imageUrl: 'http://a/boot.iso' },
    sizeBytes: 100,
  }
  const over = () => {
    at = ON + 34 * MINUTE
  }

  test('is launched once more, and the job’s log says why', async () => {
    const job = await launched(cut)
    over()
    await judge(parts, job, 0)
    expect(await parts.book.get(job.id)).toMatchObject({
      ...{ status: 'provisioning', launches: 2, poweredOnAt: null, nextCheckAt: at },
    })
    expect(await lines(job)).toEqual([
      'the appliance was away while the machine booted from it, and nothing came after; launching once more',
    ])
  })

  test.each<[string, Partial<Job>]>([
    ['the second launch was cut too', { launches: 2 }],
    ['we were there all the time', { pausedMs: 0 }],
    ['the BMC had a copy of its own', { media: [boot], bytesRead: { boot: 100 } }],
  ])('fails as unclaimed when %s', async (_, more) => {
    const job = await launched({ ...cut, ...more })
    over()
    await judge(parts, job, 0)
    expect(await parts.book.get(job.id)).toMatchObject({
      ...{ status: 'failed', failedCode: 'machine.unclaimed' },
    })
  })

  test('is left alone by an image that never claims', async () => {
    const job = await launched({ ...cut, expectsClaim: false })
    over()
    await judge(parts, job, 0)
    expect(await parts.book.get(job.id)).toMatchObject({ status: 'provisioning', launches: 1 })
  })

  test.each([
    ['a claim', { claimedAt: ON + 33 * MINUTE, heardAt: ON + 33 * MINUTE }],
    ['a sector that nobody had read', { lastFreshReadAt: ON + 33 * MINUTE, pausedMs: 0 }],
    ['a word of the machine', { heardAt: ON + 33 * MINUTE, pausedMs: 0, claimedAt: ON }],
  ])('is not launched again after %s that came in since the row was taken', async (_, news) => {
    const stale = await launched(cut)
    over()
    await parts.db.write((tx) => patchJob(tx, stale.id, ['provisioning'], news))
    await judge(parts, stale, 0)
    expect(await parts.book.get(stale.id)).toMatchObject({
      ...{ status: 'provisioning', launches: 1, poweredOnAt: ON },
    })
    expect(await lines(stale)).toEqual([])
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
