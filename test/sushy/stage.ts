// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect } from 'bun:test'
import {
  type Answer,
  importMaintenance,
  type RunningAppliance,
  startAppliance,
} from '../harness.ts'
import { type Emulator, startEmulator } from './emulator.ts'
import { playMachine } from './played-machine.ts'

/** Each change of power takes the emulator up to 11 s; a job has four of them. */
export const LIMIT_MS = 120_000

export const serial = 'PLAYED-1'

/** An appliance and the emulator of the one machine that it knows. */
export interface Meeting extends AsyncDisposable {
  readonly emulator: Emulator
  readonly running: RunningAppliance
}

export async function meetEmulator(bin: string): Promise<Meeting> {
  await using scope = new AsyncDisposableStack()
  const emulator = scope.use(await startEmulator(bin))
  const set = ['redfish.poll_ms=250', 'redfish.retry_pause_ms=250', 'redfish.rung_pause_ms=250']
  const running = scope.use(await startAppliance({ set }))
  await importMaintenance(running)
  const machine = { serial, bmc_url: emulator.url, username: 'admin', password: 'nobody asks' }
  expect(await running.send('POST', '/api/v1/machines', machine)).toMatchObject({ status: 201 })
  const opened = scope.move()
  return { emulator, running, [Symbol.asyncDispose]: () => opened.disposeAsync() }
}

export const jobOf = async (running: RunningAppliance, id: string): Promise<Answer['body']> =>
  (await running.send('GET', `/api/v1/jobs/${id}`)).body

/** Like the harness's own, with the patience that the emulator needs. */
export async function until(
  running: RunningAppliance,
  id: string,
  done: (job: Answer['body']) => boolean,
): Promise<Answer['body']> {
  const end = performance.now() + LIMIT_MS
  for (;;) {
    const worked = await running.tick()
    await running.appliance.evidence.settled()
    const job = await jobOf(running, id)
    if (done(job)) return job
    if (performance.now() > end) throw new Error(`it did not come: ${JSON.stringify(job)}`)
    await Bun.sleep(20)
    if (worked === 0) running.clock.advance(1_000)
  }
}

/** Its story tells this. */
export const tells = (words: RegExp) => (job: Answer['body']) =>
  job.events.some((line: { readonly message: string }) => words.test(line.message))

export const launched = tells(/the machine is on; waiting/)

/** What the dispatcher does on a machine that booted, up to the report. */
export async function install(emulator: Emulator): Promise<void> {
  await using machine = await playMachine((await emulator.copies('task.iso')).at(-1) ?? '')
  const step = 'deploy-image-linux.service'
  expect(await machine.claim()).toBe(200)
  expect(await machine.report({ status: 'progress', phase: 'writing', step })).toBe(200)
  expect(await machine.report({ status: 'success', delivery_id: 'one' })).toBe(200)
}
