// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect } from 'bun:test'
import {
  addSimulated,
  importMaintenance,
  type RunningAppliance,
  startAppliance,
} from '../harness.ts'
import { claimed, complete, post } from '../stage.ts'
import { type Sample, samplesOf } from './routes.ts'

/** Controllers that hostile rows name answer nobody: short limits keep them from taking minutes. */
const SHORT = [
  'redfish.connect_timeout_s=0.5',
  'redfish.request_timeout_s=1.5',
  'redfish.retries=2',
  'server.local=127.0.0.1:0',
]

/** An appliance under fire. */
export interface Range extends AsyncDisposable {
  readonly running: RunningAppliance
  readonly samples: readonly Sample[]
  /** A valid job on a machine of its own, to its end: nothing may have been lost. */
  runValidJob(): Promise<void>
}

/** One job is over and one is under way, so that there is something to shoot at. */
export async function openRange(): Promise<Range> {
  await using scope = new AsyncDisposableStack()
  const running = scope.use(await startAppliance({ set: SHORT }))
  await importMaintenance(running)
  const specs = ['VALID-1', 'TARGET-1'].map((serial) => ({ personality: 'dell-r750', serial }))
  const silent = { personality: 'dell-r750', serial: 'TARGET-2', script: 'silent' }
  const targets = scope.use(await addSimulated(running, ...specs, silent))
  const done = await post(running, 'TARGET-1')
  await running.until(done, complete)
  await running.until(await post(running, 'TARGET-2'), claimed)
  const writing = targets.machines.find(({ serial }) => serial === 'TARGET-2')
  const [image = ''] = writing?.state().drives.flatMap((drive) => drive.image ?? []) ?? []
  const [, mediaToken = ''] = /\/t\/([0-9a-f]+)\//.exec(image) ?? []
  const samples = samplesOf(running, { job: done, mediaToken })
  const opened = scope.move()
  return {
    running,
    samples,
    async runValidJob() {
      const job = await running.until(await post(running, 'VALID-1'), complete)
      expect(job).toMatchObject({ result: 'succeeded', cleanup: 'done' })
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}

/** Lines that are no JSON, and those that tell of a bug. */
export const badLines = (logged: readonly string[]): readonly string[] =>
  logged.filter((line) => {
    try {
      return /bug in/.test(String((JSON.parse(line) as { msg?: unknown }).msg))
    } catch {
      return true
    }
  })
