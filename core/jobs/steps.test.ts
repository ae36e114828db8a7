// SPDX-License-Identifier: AGPL-3.0-or-later
import { afterEach, beforeEach, expect, test } from 'bun:test'
import { type TemporaryDb, temporaryDb } from '../../test/temporary-db.ts'
import { createLog } from '../log.ts'
import { sleep } from '../retry.ts'
import { journalOf } from '../store/job-story.ts'
import { jobFaults } from './faults.ts'
import { createStep, HandedOver, StepFailure, type StepParts } from './steps.ts'

let temporary: TemporaryDb
let notes: string[]
let logged: string[]
let stop: AbortController

beforeEach(async () => {
  temporary = await temporaryDb()
  notes = []
  logged = []
  stop = new AbortController()
})
afterEach(() => temporary[Symbol.asyncDispose]())

const steps = (more: Partial<StepParts> = {}) =>
  createStep({
    db: temporary.db,
    log: createLog('debug', { write: (line) => void logged.push(line) }),
    now: () => 1_800_000_000_000,
    jobId: 'job-1',
    launch: 2,
    stopping: stop.signal,
    guard: async () => {},
    note: async (level, message, step) => void notes.push(`${level} ${step}: ${message}`),
    ...more,
  })

const journal = async () =>
  (await journalOf(temporary.db.read, 'job-1')).map(({ step, launch, outcome, code }) => ({
    ...{ step, launch, outcome, code },
  }))

/** What a step threw. */
const failure = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  )

test('a step is in the journal before it works, and ended after', async () => {
  const result = await steps()('redfish.eject', async () => {
    expect(await journal()).toEqual([
      { step: 'redfish.eject', launch: 2, outcome: null, code: null },
    ])
    return 17
  })
  expect(result).toBe(17)
  expect(await journal()).toEqual([
    { step: 'redfish.eject', launch: 2, outcome: 'done', code: null },
  ])
  expect(notes).toEqual([
    expect.stringMatching(/^info redfish\.eject: redfish\.eject done in \d+ ms$/),
  ])
})

test('a fault is journalled with its code, and blamed on the step', async () => {
  const fault = jobFaults.notYet('later')
  const error = await failure(
    steps()('redfish.eject', async () => {
      throw fault
    }),
  )
  expect(error).toBeInstanceOf(StepFailure)
  expect(error).toMatchObject({ step: 'redfish.eject', cause: fault })
  expect(await journal()).toEqual([
    { step: 'redfish.eject', launch: 2, outcome: 'failed', code: 'job.not-yet' },
  ])
})

test('a bug is journalled as one and logged as an error', async () => {
  await failure(
    steps()('redfish.eject', async () => {
      throw new TypeError('undefined is not a function')
    }),
  )
  expect(await journal()).toMatchObject([{ outcome: 'failed', code: 'job.unexpected' }])
  expect(logged.map((line) => JSON.parse(line))).toContainEqual(
    expect.objectContaining({ msg: 'step failed', level: 'error' }),
  )
})

test('a step that outlasts its limit is aborted and says so', async () => {
  const step = steps({ limitMs: 20 })
  const error = await failure(step('redfish.power-on', (signal) => sleep(60_000, signal)))
  expect(error).toMatchObject({
    step: 'redfish.power-on',
    cause: { code: 'job.step-timeout', message: expect.stringContaining('0.02 s') },
  })
  expect(await journal()).toMatchObject([{ outcome: 'failed', code: 'job.step-timeout' }])
})

test('a stop of the appliance hands over, and leaves the row open for the next start', async () => {
  const error = await failure(
    steps()('redfish.power-on', (signal) => {
      stop.abort()
      return sleep(60_000, signal)
    }),
  )
  expect(error).toBeInstanceOf(HandedOver)
  expect(await journal()).toEqual([
    { step: 'redfish.power-on', launch: 2, outcome: null, code: null },
  ])
})

test('a job that is ours no more begins no step', async () => {
  const guard = async () => {
    throw new HandedOver()
  }
  let worked = false
  const error = await failure(
    steps({ guard })('redfish.power-on', async () => {
      worked = true
    }),
  )
  expect(error).toBeInstanceOf(HandedOver)
  expect(worked).toBe(false)
  expect(await journal()).toEqual([])
})

test('after a stop no step begins, and none is in the journal', async () => {
  stop.abort()
  let worked = false
  const error = await failure(
    steps()('redfish.power-off', async () => {
      worked = true
    }),
  )
  expect(error).toBeInstanceOf(HandedOver)
  expect(worked).toBe(false)
  expect(await journal()).toEqual([])
})
