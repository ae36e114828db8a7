// SPDX-License-Identifier: AGPL-3.0-or-later
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import type { RunningAppliance } from '../../test/harness.ts'
import { type Clock, createClock, importMaintenance, startAppliance } from '../../test/harness.ts'
import { RecordedBmc, withRecordedBmc } from '../../test/recorded-bmc.ts'
import { complete, post } from '../../test/stage.ts'
import { patchJob } from '../store/jobs.ts'
import { MINUTE, SECOND } from '../units.ts'

const SERIAL = 'RECORDED-1'

let bmc: RecordedBmc
let clock: Clock
let scope: AsyncDisposableStack
/** The appliance of now; a restart makes another one over the same data. */
let running: RunningAppliance
let first: RunningAppliance

const start = async (set: readonly string[] = []) => {
  scope = new AsyncDisposableStack()
  bmc = new RecordedBmc()
  clock = createClock()
  first = scope.use(await startAppliance({ plugins: withRecordedBmc(bmc), clock, set }))
  running = first
  await importMaintenance(running)
  await running.send('POST', '/api/v1/machines', {
    ...{ serial: SERIAL, bmc_url: 'https://bmc.test', username: 'root', password: 'x' },
  })
}
beforeEach(() => start())
afterEach(() => scope.disposeAsync())

/** Ends as at SIGTERM and starts again, as the runner does after a start. */
async function restart(): Promise<void> {
  await running.stop()
  const { dataDir } = first
  running = scope.use(await startAppliance({ plugins: withRecordedBmc(bmc), clock, dataDir }))
}

const job = async (id: string) => {
  const row = await running.appliance.jobs.get(id)
  if (!row) throw new Error('no job')
  return row
}

/** A job whose machine is on, and what was done since. */
async function launched(): Promise<{ id: string; since: () => readonly string[] }> {
  const id = await post(running, SERIAL)
  await running.tick()
  expect(bmc.verbs.at(-1)).toBe('powerOn')
  const before = bmc.verbs.length
  return { id, since: () => bmc.verbs.slice(before) }
}

const reported = async (id: string, status: 'success' | 'failed' = 'success') =>
  running.appliance.jobs.report(await job(id), { status } as never)

const CLEANED = ['powerOff', 'eject A', 'eject B', 'clear override']

describe('after a report', () => {
  test('the machine may power itself off first, and comes on again without media', async () => {
    const { id, since } = await launched()
    await reported(id)
    await running.tick()
    expect(since()).toEqual([])
    clock.advance(119 * SECOND)
    await running.tick()
    expect(since()).toEqual([])
    bmc.power = 'Off'
    clock.advance(15 * SECOND)
    await running.tick()
    expect(since()).toEqual([...CLEANED, 'powerOn'])
    expect(await job(id)).toMatchObject({
      status: 'complete',
      result: 'succeeded',
      cleanup: 'done',
    })
    expect(bmc.sessions).toBe(0)
  })

  test('a machine that stays on for 120 s is forced off', async () => {
    const { id, since } = await launched()
    await reported(id)
    await running.tick()
    clock.advance(120 * SECOND)
    await running.tick()
    expect(since()).toEqual([...CLEANED, 'powerOn'])
  })

  test('of a failure the machine stays off', async () => {
    const { id, since } = await launched()
    await reported(id, 'failed')
    bmc.power = 'Off'
    await running.tick()
    expect(since()).toEqual(CLEANED)
    expect(bmc.power).toBe('Off')
  })
})

describe('after a failed launch', () => {
  test('a job that had not begun the power-off leaves the machine as it is', async () => {
    bmc.power = 'On'
    bmc.put('A', 'http://10.0.0.8:8080/media/t/other/boot.iso')
    const id = await post(running, SERIAL)
    await running.tick()
    expect(bmc.verbs).toEqual([])
    expect(bmc.power).toBe('On')
    expect(await job(id)).toMatchObject({
      ...{ status: 'complete', result: 'failed', cleanup: 'done', failedCode: 'redfish.in-use' },
      failedStep: 'redfish.check-drives',
    })
  })

  test('a power-off that was begun and failed is undone all the same', async () => {
    bmc.power = 'On'
    bmc.fail('powerOff', new Error('no answer'))
    const id = await post(running, SERIAL)
    await running.tick()
    expect(await job(id)).toMatchObject({ status: 'failed', failedStep: 'redfish.power-off' })
    bmc.fail('powerOff', undefined)
    clock.advance(MINUTE)
    await running.tick()
    expect(await job(id)).toMatchObject({ status: 'complete', cleanup: 'done' })
    expect(bmc.verbs.slice(-2)).toEqual(['powerOff', 'clear override'])
  })

  test('the machine is powered on only where that is configured', async () => {
    await scope.disposeAsync()
    await start(['jobs.power_on_after_failure=true'])
    bmc.fail('insert B', new Error('refused'))
    const id = await post(running, SERIAL)
    await running.tick()
    expect(await job(id)).toMatchObject({ result: 'failed', failedStep: 'redfish.insert.task' })
    expect(bmc.verbs.slice(-4)).toEqual(['powerOff', 'eject A', 'clear override', 'powerOn'])
  })
})

describe('after a crash', () => {
  /** Stops and starts again while the controller is at that verb. */
  const cutAt = async (verb: string) => {
    const there = bmc.hang(verb)
    const tick = running.tick()
    await there
    await restart()
    await tick
    const before = bmc.verbs.length
    return () => bmc.verbs.slice(before)
  }

  /** A job that was reported, cut while its cleanup does that. */
  const cleanupCutAt = async (verb: string) => {
    const { id } = await launched()
    await reported(id)
    bmc.power = 'Off'
    return { id, since: await cutAt(verb) }
  }

  const launchCutAt = async (verb: string) => {
    const id = await post(running, SERIAL)
    return { id, since: await cutAt(verb) }
  }

  test('in the power-on of the cleanup, the power of a machine that is on is left alone', async () => {
    const { id, since } = await cleanupCutAt('powerOn')
    bmc.power = 'On'
    await running.tick()
    expect(await job(id)).toMatchObject({ status: 'complete', cleanup: 'done' })
    // The verb does nothing to a machine that is on.
    expect(since()).toEqual(['powerOn'])
  })

  test('in the eject of the cleanup, what was done is not done again', async () => {
    const { id, since } = await cleanupCutAt('eject B')
    await running.tick()
    expect(await job(id)).toMatchObject({ status: 'complete', cleanup: 'done' })
    expect(since()).toEqual(['eject B', 'clear override', 'powerOn'])
  })

  test('in the power-on of the launch, a machine that is on is not launched again', async () => {
    const { id, since } = await launchCutAt('powerOn')
    bmc.power = 'On'
    await running.tick()
    expect(since()).toEqual([])
    expect((await job(id)).poweredOnAt).toBe(clock.now())
    expect(await job(id)).toMatchObject({ status: 'provisioning', launches: 1 })
  })

  test('in the power-on of the launch, a machine that is off is launched from the start', async () => {
    const { id, since } = await launchCutAt('powerOn')
    await running.tick()
    expect(since().map((verb) => verb.split(' ').slice(0, 2).join(' '))).toEqual([
      ...['powerOff', 'eject A', 'eject B', 'insert A', 'insert B', 'override Cd', 'powerOn'],
    ])
    expect((await job(id)).poweredOnAt).toBe(clock.now())
  })

  test('between the power-on and its word in the row, nothing is done twice', async () => {
    const { id, since } = await launched()
    await running.appliance.db.write((tx) =>
      patchJob(tx, id, ['provisioning'], { poweredOnAt: null, nextCheckAt: clock.now() }),
    )
    await running.tick()
    expect(since()).toEqual([])
    expect((await job(id)).poweredOnAt).toBe(clock.now())
  })
})

describe('an eject that is answered and changes nothing', () => {
  test('revokes the URLs, warns, and the job ends', async () => {
    const { id } = await launched()
    const url = (await job(id)).media[0]?.imageUrl ?? ''
    expect((await fetch(url, { method: 'HEAD' })).status).toBe(200)
    bmc.stale = true
    await reported(id)
    bmc.power = 'Off'
    await running.tick()
    const view = await running.appliance.jobs.view(id)
    expect(view).toMatchObject({ status: 'complete', cleanup: 'done' })
    expect(view.events?.map(({ message }) => message).join()).toContain('its URL is revoked')
    // A controller that reads ahead keeps its token for ten seconds.
    clock.advance(MINUTE)
    expect((await fetch(url, { method: 'HEAD' })).status).toBe(404)
    expect(bmc.verbs.at(-1)).toBe('powerOn')
  })

  test('is not good enough where the BMC holds a copy: no power on, cleanup pending', async () => {
    const { id, since } = await launched()
    const boot = (await job(id)).media.find(({ slot }) => slot === 'boot')
    running.appliance.evidence.see({
      ...{ job: id, level: 'fetched', detail: 'whole', slot: 'boot' },
      bytes: boot?.sizeBytes ?? 0,
    })
    await running.appliance.evidence.settled()
    bmc.stale = true
    await reported(id)
    bmc.power = 'Off'
    const ended = await running.until(id, complete, 30 * SECOND)
    expect(ended).toMatchObject({ result: 'succeeded', cleanup: 'pending' })
    expect(since()).not.toContain('powerOn')
    const { events = [] } = await running.appliance.jobs.view(id)
    expect(events.map(({ message }) => message).join()).toContain('eject it on the controller')
    expect(running.logged.filter((line) => line.includes('"level":"error"'))).toEqual([])
    bmc.stale = false
    await running.until(id, ({ cleanup }) => cleanup === 'done', MINUTE)
    expect(since().slice(-2)).toEqual(['clear override', 'powerOn'])
  })
})

test('a session that does not close fails no job, and is told', async () => {
  bmc.closing = new Error('the logout was refused')
  const { id } = await launched()
  const view = await running.appliance.jobs.view(id)
  expect(view.status).toBe('provisioning')
  expect(view.events?.map(({ message }) => message).join()).toContain('the logout was refused')
})

test('the second launch restarts a machine that read nothing, and there is no third', async () => {
  const { id, since } = await launched()
  clock.advance(16 * MINUTE)
  await running.tick()
  expect(since().at(-1)).toBe('restart')
  expect(since()).not.toContain('powerOff')
  clock.advance(16 * MINUTE)
  await running.tick()
  expect(await job(id)).toMatchObject({
    ...{ status: 'complete', failedCode: 'redfish.media-not-fetched', launches: 2 },
  })
})
