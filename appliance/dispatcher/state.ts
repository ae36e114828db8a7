// SPDX-License-Identifier: AGPL-3.0-or-later
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as v from 'valibot'
import { sentence } from '../../core/faults.ts'
import { writePrivateFile } from '../../core/private-file.ts'
import { dispatchFaults } from './faults.ts'
import { at, type MachineOs } from './machine-os.ts'

/** How far one job came on this boot. What a dispatcher that is started again goes on from. */
export const DispatchState = v.object({
  job_id: v.string(),
  /** `checked`: nothing is claimed for sure. `starting`: from here on the target may run. */
  phase: v.picklist(['checked', 'starting', 'reporting']),
  nonce: v.string(),
  target: v.string(),
  started_at: v.string(),
  /** The final word, as it is delivered until it is answered. */
  report: v.optional(v.record(v.string(), v.unknown())),
  /** What the process ends with once that was delivered. */
  exit_code: v.optional(v.number(), 0),
})
export type DispatchState = v.InferOutput<typeof DispatchState>

const NAME = 'dispatcher.json'

/** Of this boot: the folder is in memory. Undefined when nothing was begun. Throws `dispatch.output` when it is damaged. */
export async function readState(os: MachineOs, folder: string): Promise<DispatchState | undefined> {
  const path = join(at(os, folder), NAME)
  try {
    if (!existsSync(path)) return undefined
    return v.parse(DispatchState, JSON.parse(await readFile(path, 'utf8')))
  } catch (cause) {
    // Whoever goes on without it may start what is running already.
    throw dispatchFaults.output(`${folder}/${NAME} can not be read; restart the machine`, { cause })
  }
}

/** Whole, or as it was. Throws `dispatch.output`. */
export async function writeState(
  os: MachineOs,
  folder: string,
  state: DispatchState,
): Promise<void> {
  try {
    await writePrivateFile(join(at(os, folder), NAME), JSON.stringify(state))
  } catch (cause) {
    throw dispatchFaults.output(`${folder}/${NAME} can not be written: ${sentence(cause)}`, {
      cause,
    })
  }
}
