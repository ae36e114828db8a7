// SPDX-License-Identifier: AGPL-3.0-or-later
/** Races, each driven by gates: at the controller's answers, and by the order in which calls arrive. */
import { expect, test } from 'bun:test'
import { HOUR, MINUTE } from '../../core/units.ts'
import {
  type Answer,
  addSimulated,
  importMaintenance,
  linuxRecipe,
  startAppliance,
} from '../harness.ts'
import { complete, post, ready } from '../stage.ts'
import { gateAt, isPower, isReset, resets } from './gate.ts'
import { launched, queued, voiceOf } from './launched.ts'

const steps = (job: Answer['body']): string[] =>
  job.events.map((event: { step?: string }) => event.step ?? '')
const success = { status: 'success', delivery_id: 'd-1' }

test('a claim before, during and after the power-on gets in only after it', async () => {
  await using stage = await queued()
  const { running, machine, voice } = stage
  expect(await voice.claim()).toBe(503)
  const asked = gateAt(machine, isReset('On'))
  const done = gateAt(machine, isReset('On'), 'done')
  const ticking = running.tick()
  await asked.reached
  expect(await voice.claim()).toBe(503)
  asked.open()
  await done.reached
  // The machine is on, the appliance does not know it yet.
  expect(await voice.claim()).toBe(503)
  done.open()
  await ticking
  expect(await voice.claim()).toBe(200)
  expect(resets(machine)).toEqual(['ForceOff', 'On'])
})

test.each(['claim', 'cancel'])(
  '%s first: a claim and a cancel at once leave one end',
  async (first) => {
    await using stage = await launched()
    const { running, machine, id, voice } = stage
    const cancel = () => running.send('POST', `/api/v1/jobs/${id}/cancel`)
    const calls = [voice.claim, async () => (await cancel()).status]
    if (first === 'cancel') calls.reverse()
    const answers = await Promise.all(calls.map((call) => call()))
    const [claimed, canceled] = first === 'claim' ? answers : answers.toReversed()
    expect(canceled).toBe(200)
    expect([200, 410]).toContain(claimed ?? 0)
    expect(await running.until(id, complete)).toMatchObject({ result: 'canceled', cleanup: 'done' })
    expect(await voice.claim()).toBe(410)
    expect(machine.state().power).toBe('Off')
  },
)

test.each(['report', 'cancel'])(
  '%s first: a report and a cancel at once give one result, which both callers see',
  async (first) => {
    await using stage = await launched()
    const { running, id, voice } = stage
    await voice.claim()
    const calls = [
      () => voice.report(success),
      () => running.send('POST', `/api/v1/jobs/${id}/cancel`),
    ]
    if (first === 'cancel') calls.reverse()
    const answers = await Promise.all(calls.map((call) => call()))
    const [reported, canceled] = first === 'report' ? answers : answers.toReversed()
    const { result } = await running.until(id, complete, MINUTE)
    expect(reported?.status).toBe(200)
    expect(reported?.body.over).toBe(result === 'canceled' ? true : undefined)
    expect(canceled?.status).toBe(result === 'canceled' ? 200 : 409)
    expect(['canceled', 'succeeded']).toContain(result)
  },
)

test('a report and the deadline at once give one result, wherever the report comes in between', async () => {
  const results = new Set<string>()
  for (let turns = 0; turns < 8; turns++) {
    await using stage = await launched()
    const { running, id, voice } = stage
    await voice.claim()
    running.clock.advance(4 * HOUR + MINUTE)
    const ticking = running.tick()
    for (let turn = 0; turn < turns; turn++) await new Promise((next) => setImmediate(next))
    const { body } = await voice.report(success)
    await ticking
    const { result, failed_code: code } = await running.until(id, complete, MINUTE)
    expect(body.over).toBe(result === 'succeeded' ? undefined : true)
    expect(code).toBe(result === 'succeeded' ? undefined : 'machine.silent')
    results.add(result)
  }
  expect([...results].filter((each) => !['succeeded', 'failed'].includes(each))).toEqual([])
})

const launchSteps: readonly [
  string,
  (request: { method: string; path: string; text: string }) => boolean,
][] = [
  ['redfish.connect', ({ method, path }) => method === 'POST' && path.endsWith('/Sessions')],
  ['redfish.power-off', isReset('ForceOff')],
  ['redfish.insert.boot', ({ text }) => text.includes('boot.iso')],
  ['redfish.insert.task', ({ text }) => text.includes('task.iso')],
  ['redfish.boot-override', ({ method, text }) => method === 'PATCH' && text.includes('"Boot"')],
  ['redfish.power-on', isReset('On')],
]

test.each(launchSteps)(
  'a cancel in %s: that step ends, no other begins, and the machine is left clean',
  async (step, request) => {
    await using stage = await queued()
    const { running, machine, id } = stage
    const held = gateAt(machine, request, 'done')
    const ticking = running.tick()
    await held.reached
    expect((await running.send('POST', `/api/v1/jobs/${id}/cancel`)).status).toBe(200)
    held.open()
    await ticking
    const job = await running.until(id, complete)
    expect(job).toMatchObject({ result: 'canceled', cleanup: 'done' })
    const order = launchSteps.map(([name]) => name)
    const later = order.slice(order.indexOf(step) + 1)
    expect(steps(job).filter((each) => later.includes(each))).toEqual([])
    const state = machine.state()
    expect(state.drives.some(({ occupied }) => occupied)).toBe(false)
    expect(state.sessions).toBe(0)
    // Before the power-off began the machine was not ours to switch off.
    expect(state.power).toBe(step === 'redfish.connect' ? 'On' : 'Off')
  },
)

test('a claim and the second launch at once: either the machine works, or it is launched again', async () => {
  for (let turns = 0; turns < 8; turns++) {
    await using stage = await ready({ script: 'not-booting' })
    const { running, machine } = stage
    const id = await post(running, machine.serial)
    const voice = await voiceOf(running, machine.serial, id)
    await running.until(id, (job) => job.powered_on_at !== undefined)
    const before = resets(machine).length
    running.clock.advance(16 * MINUTE)
    const ticking = running.tick()
    for (let turn = 0; turn < turns; turn++) await new Promise((next) => setImmediate(next))
    const status = await voice.claim()
    await ticking
    const { body: job } = await running.send('GET', `/api/v1/jobs/${id}`)
    const touched = resets(machine).length - before
    expect([status, job.launches, touched > 0]).toEqual(
      status === 200 ? [200, 1, false] : [503, 2, true],
    )
  }
})

test('a machine that writes in the middle of a second launch is not reset any more', async () => {
  await using stage = await ready({ script: 'not-booting' })
  const { running, machine } = stage
  const id = await post(running, machine.serial)
  const voice = await voiceOf(running, machine.serial, id)
  await running.until(id, (job) => job.powered_on_at !== undefined)
  const before = resets(machine)
  const held = gateAt(
    machine,
    ({ method, path }) => method === 'POST' && path.endsWith('/Sessions'),
  )
  running.clock.advance(16 * MINUTE)
  const ticking = running.tick()
  await held.reached
  // A medium that knows no claim: its word is the first that is heard of the first launch.
  await voice.report({ status: 'progress', phase: 'writing', step: 'image-linux.service' })
  held.open()
  await ticking
  expect(resets(machine)).toEqual(before)
  await voice.report(success)
  expect(await running.until(id, complete, MINUTE)).toMatchObject({ result: 'succeeded' })
})

test.each(['claim', 'report'])(
  'a restart in the middle of a %s keeps what was answered',
  async (call) => {
    await using stage = await launched()
    const { running, machine, id, voice } = stage
    const before = resets(machine)
    if (call === 'report') await voice.claim()
    const answered = call === 'claim' ? voice.claim() : voice.report(success)
    await answered
    await running.stop()
    await using again = await startAppliance({ dataDir: running.dataDir, clock: running.clock })
    const later = await voiceOf(again, machine.serial, id)
    if (call === 'claim') {
      expect(await later.claim()).toBe(200)
      expect(await later.claim('nonce-number-2')).toBe(409)
      await again.tick()
      expect(resets(machine)).toEqual(before)
    } else {
      expect((await later.report(success)).body).toEqual({ ok: true, idempotent: true, over: true })
      expect(await again.until(id, complete, MINUTE)).toMatchObject({ result: 'succeeded' })
    }
  },
)

test('a new job waits for the cleanup that is at the controller, and supersedes it after', async () => {
  await using stage = await launched(['redfish.retries=1'])
  const { running, machine, id: first } = stage
  const gone = async () => ({ status: 503, headers: {}, body: undefined })
  machine.faults.add(gone)
  await running.send('POST', `/api/v1/jobs/${first}/cancel`)
  await running.until(first, complete, 30_000)
  machine.faults.delete(gone)
  const held = gateAt(machine, ({ path }) => path.endsWith('EjectMedia'), 'done')
  running.clock.advance(HOUR)
  const cleaning = running.tick()
  await held.reached
  const second = await post(running, machine.serial)
  const powerBefore = resets(machine).length
  await running.tick()
  // The machine's lease is the cleanup's: nothing was begun beside it.
  expect((await running.send('GET', `/api/v1/jobs/${second}`)).body.status).toBe('queued')
  expect(resets(machine)).toHaveLength(powerBefore)
  held.open()
  await cleaning
  machine.play('success')
  expect(await running.until(second, complete)).toMatchObject({ result: 'succeeded' })
  const { body } = await running.send('GET', `/api/v1/jobs/${first}`)
  expect(['done', 'superseded']).toContain(body.cleanup)
  expect(machine.state().drives.some(({ occupied }) => occupied)).toBe(false)
})

test('an appliance whose machine was taken over leaves it alone when its own job ends', async () => {
  await using stage = await launched()
  const { running, machine, id } = stage
  await using other = await startAppliance()
  await importMaintenance(other)
  const { serial, bmcUrl, username, password } = machine
  await other.send('POST', '/api/v1/machines', { serial, bmc_url: bmcUrl, username, password })
  machine.play('silent')
  const theirs = await post(other, serial, { take_over: true })
  await other.until(theirs, (job) => job.claimed_at !== undefined)
  const before = resets(machine)
  await running.send('POST', `/api/v1/jobs/${id}/cancel`)
  expect(await running.until(id, complete)).toMatchObject({ result: 'canceled', cleanup: 'done' })
  expect(resets(machine)).toEqual(before)
  expect(machine.state().power).toBe('On')
  expect(machine.state().drives.some(({ occupied }) => occupied)).toBe(true)
})

test('20 deliveries of one report at the same time are applied once', async () => {
  await using stage = await launched()
  const { running, id, voice } = stage
  await voice.claim()
  const answers = await Promise.all(Array.from({ length: 20 }, () => voice.report(success)))
  expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(200))
  expect(answers.filter(({ body }) => body.over === undefined)).toHaveLength(1)
  expect(answers.filter(({ body }) => body.idempotent)).toHaveLength(19)
  const job = await running.until(id, complete, MINUTE)
  const said = job.events.filter(({ message }: { message: string }) =>
    /reports success/.test(message),
  )
  expect(said).toHaveLength(1)
})

test('50 submits for one machine at the same time make one job', async () => {
  await using running = await startAppliance()
  await importMaintenance(running)
  await using simulator = await addSimulated(running, { personality: 'dell-r750' })
  const [machine] = simulator.machines
  const request = { server_serial: machine.serial, recipe: linuxRecipe }
  const answers = await Promise.all(
    Array.from({ length: 50 }, () => running.send('POST', '/api/v1/jobs', request)),
  )
  const made = answers.filter(({ status }) => status === 202)
  expect(made).toHaveLength(1)
  const refused = answers.filter(({ status }) => status === 409)
  expect(refused.map(({ body }) => body.code)).toEqual(Array(49).fill('conflict.active_job'))
  expect((await running.send('GET', '/api/v1/jobs')).body.jobs).toHaveLength(1)
  expect(machine.requests.filter(isPower)).toEqual([])
})
