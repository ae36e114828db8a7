// SPDX-License-Identifier: AGPL-3.0-or-later
/** Time in which the appliance did not run counts towards no deadline; none fires soon after a start. */
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import type { Job } from '../../core/jobs/job.ts'
import { adoptJobs } from '../../core/store/due-jobs.ts'
import { findJob, insertJob } from '../../core/store/jobs.ts'
import { readSetting, writeSetting } from '../../core/store/settings.ts'
import { DAY, HOUR, MINUTE, SECOND } from '../../core/units.ts'
import {
  type Clock,
  createClock,
  importMaintenance,
  type RunningAppliance,
  startAppliance,
} from '../harness.ts'
import { newJob, noDocuments } from '../job-row.ts'
import { RecordedBmc, withRecordedBmc } from '../recorded-bmc.ts'
import { post } from '../stage.ts'
import { temporaryDb } from '../temporary-db.ts'
import { type Voice, voiceOf } from './launched.ts'

const SERIAL = 'RECORDED-1'
const GRACE = 10 * MINUTE

let scope: AsyncDisposableStack
let bmc: RecordedBmc
let clock: Clock
let running: RunningAppliance
beforeEach(async () => {
  scope = new AsyncDisposableStack()
  bmc = new RecordedBmc()
  clock = createClock()
  running = scope.use(await startAppliance({ plugins: withRecordedBmc(bmc), clock }))
  await importMaintenance(running)
  const machine = { serial: SERIAL, bmc_url: 'https://bmc.test', username: 'root', password: 'x' }
  await running.send('POST', '/api/v1/machines', machine)
})
afterEach(() => scope.disposeAsync())

/** What the runner writes every 30 s of real time, which this clock does not know. */
const signOfLife = () =>
  running.appliance.db.write((tx) => writeSetting(tx, 'alive_at', clock.now()))

/** Goes away as at a SIGKILL a moment after a sign of life, and is started as the executable starts. */
async function downFor(downMs: number): Promise<void> {
  await signOfLife()
  const { dataDir } = running
  await running.stop()
  clock.advance(downMs)
  running = scope.use(await startAppliance({ plugins: withRecordedBmc(bmc), clock, dataDir }))
  await running.appliance.runner.start()
  await running.tick()
}

async function pass(ms: number): Promise<void> {
  clock.advance(ms)
  await running.tick()
}

const job = async (id: string): Promise<Job> => {
  const row = await running.appliance.jobs.get(id)
  if (!row) throw new Error('no job')
  return row
}

const read = (id: string) => {
  const { evidence } = running.appliance
  const seen = { level: 'read', detail: 'sector 16', slot: 'boot', bytes: 1, fresh: true } as const
  evidence.see({ job: id, ...seen })
  return evidence.settled()
}

interface Case {
  readonly name: string
  /** Brings a launched job so far that the limit counts from now. */
  begin(id: string, voice: Voice): Promise<unknown>
  readonly limitMs: number
  /** True once the limit has done its work. */
  fired(row: Job): boolean
}

const success = { status: 'success', delivery_id: 'd-1' }

const forReport: Case = {
  name: 'for the report',
  begin: (_, voice) => voice.claim(),
  limitMs: 4 * HOUR,
  fired: ({ failedCode }) => failedCode === 'machine.silent',
}

const cases: readonly Case[] = [
  {
    name: 'for a first read',
    begin: async () => undefined,
    limitMs: 15 * MINUTE,
    fired: ({ launches }) => launches === 2,
  },
  {
    // We were away while it booted: it may be our fault, and one more launch is free.
    name: 'for the claim of the first launch',
    begin: read,
    limitMs: 30 * MINUTE,
    fired: ({ launches }) => launches === 2,
  },
  {
    name: 'for the claim of the second launch',
    begin: async (id) => {
      await pass(16 * MINUTE)
      await read(id)
    },
    limitMs: 30 * MINUTE,
    fired: ({ failedCode }) => failedCode === 'machine.unclaimed',
  },
  forReport,
  {
    name: 'for a machine that reported to go off',
    begin: (_, voice) => voice.report(success),
    limitMs: 2 * MINUTE,
    fired: () => bmc.verbs.filter((verb) => verb === 'powerOff').length === 2,
  },
  {
    name: 'for a cleanup, before it goes on in the background',
    begin: async (id) => {
      bmc.fail('powerOff', new Error('the controller is busy'))
      return running.send('POST', `/api/v1/jobs/${id}/cancel`)
    },
    limitMs: 10 * MINUTE,
    fired: ({ status, cleanup }) => status === 'complete' && cleanup === 'pending',
  },
]

async function begun(each: Case): Promise<string> {
  const id = await post(running, SERIAL)
  await running.tick()
  await each.begin(id, await voiceOf(running, SERIAL, id))
  await running.tick()
  return id
}

/** The runner works on its own after a start: a pass may be under way that our tick does not wait for. */
async function hasFired(each: Case, id: string): Promise<boolean> {
  const until = performance.now() + 3_000
  while (!each.fired(await job(id)) && performance.now() < until) {
    await running.tick()
    await Bun.sleep(2)
  }
  return each.fired(await job(id))
}

describe.each(cases)('the time $name', (each) => {
  test('stands still while the appliance is down', async () => {
    const id = await begun(each)
    await pass(each.limitMs / 2)
    await downFor(DAY)
    expect(each.fired(await job(id))).toBe(false)
    // Half of it is left, and where that is short the grace after the start counts.
    const left = Math.max(each.limitMs / 2, GRACE)
    await pass(left - SECOND)
    expect(each.fired(await job(id))).toBe(false)
    await pass(MINUTE + SECOND)
    expect(await hasFired(each, id)).toBe(true)
  })

  test('ends within ten minutes of a start only after them', async () => {
    const id = await begun(each)
    await pass(each.limitMs - SECOND)
    await downFor(SECOND)
    await pass(GRACE - SECOND)
    expect(each.fired(await job(id))).toBe(false)
    await pass(MINUTE)
    expect(await hasFired(each, id)).toBe(true)
  })
})

test('what a machine says after a start begins its time anew', async () => {
  const id = await begun(forReport)
  await pass(3 * HOUR)
  await downFor(DAY)
  const voice = await voiceOf(running, SERIAL, id)
  await voice.report({ status: 'progress', phase: 'writing', step: 'image-linux.service' })
  expect((await job(id)).pausedMs).toBe(0)
  await pass(4 * HOUR - SECOND)
  expect((await job(id)).status).toBe('provisioning')
  await pass(MINUTE)
  expect(await hasFired(forReport, id)).toBe(true)
})

test('the same time down is counted once, however often the appliance starts', async () => {
  const id = await begun(forReport)
  await downFor(HOUR)
  await downFor(0)
  await downFor(0)
  expect((await job(id)).pausedMs).toBe(HOUR)
  expect(await readSetting(running.appliance.db.read, 'alive_at')).toBe(clock.now())
})

test('a clock that was set back counts nothing down', async () => {
  const id = await begun(forReport)
  await downFor(-HOUR)
  expect((await job(id)).pausedMs).toBe(0)
})

test.each([
  { status: 'queued', counted: true },
  { status: 'provisioning', counted: true },
  { status: 'succeeded', counted: true },
  { status: 'failed', counted: true },
  { status: 'complete', counted: false },
] as const)(
  'a start adopts a job that is $status: free of leases, down time counted: $counted',
  async ({ status, counted }) => {
    await using temporary = await temporaryDb()
    const { db } = temporary
    const held = { leaseOwner: 'dead/1', leaseUntil: Number.MAX_SAFE_INTEGER }
    const row = newJob({ status, pausedMs: 5, ...held })
    await db.write((tx) => insertJob(tx, row, noDocuments))
    await db.write((tx) => adoptJobs(tx, 1_000))
    expect(await findJob(db.read, row.id)).toMatchObject({
      leaseOwner: null,
      leaseUntil: null,
      pausedMs: counted ? 1_005 : 5,
    })
  },
)
