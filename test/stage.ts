// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect } from 'bun:test'
import { builtInPlugins } from '../appliance/plugins.ts'
import type { Plugin } from '../core/plugin.ts'
import type { MachineSpec, RunningMachine } from '../plugins/simulator/index.ts'
import {
  type Answer,
  addSimulated,
  importMaintenance,
  linuxRecipe,
  type RunningAppliance,
  startAppliance,
} from './harness.ts'

export const complete = (job: Answer['body']) => job.status === 'complete'
export const claimed = (job: Answer['body']) => job.claimed_at !== undefined

/** An appliance with one simulated Dell, ready for a job. */
export async function ready(
  spec: Partial<MachineSpec> = {},
  set: readonly string[] = [],
  plugins: readonly Plugin[] = builtInPlugins,
) {
  await using scope = new AsyncDisposableStack()
  const running = scope.use(await startAppliance({ set, plugins }))
  await importMaintenance(running)
  const simulator = scope.use(await addSimulated(running, { personality: 'dell-r750', ...spec }))
  const [machine] = simulator.machines
  const open = scope.move()
  return { running, machine, [Symbol.asyncDispose]: () => open.disposeAsync() }
}

/** Submits the Linux recipe; the id of the job. */
export async function post(
  running: RunningAppliance,
  serial: string,
  more: object = {},
): Promise<string> {
  const request = { server_serial: serial, recipe: linuxRecipe, ...more }
  const { status, body } = await running.send('POST', '/api/v1/jobs', request)
  expect({ status, body }).toMatchObject({ status: 202 })
  return body.job_id
}

/** A controller that answers nothing any more, until it is let back. */
export function loseController(machine: RunningMachine): { back(): void } {
  const gone = async () => ({ status: 503, headers: {}, body: undefined })
  machine.faults.add(gone)
  return { back: () => void machine.faults.delete(gone) }
}
