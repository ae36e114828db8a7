// SPDX-License-Identifier: AGPL-3.0-or-later
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as v from 'valibot'
import { sentence } from '../../core/faults.ts'
import { JobDocument } from '../../schemas/job-document.ts'
import { dispatchFaults, exitCodeOf, PANIC } from './faults.ts'
import { type Identity, isFor, mismatchSentence, readIdentity } from './identity.ts'
import { JobOfMachine } from './job-of-machine.ts'
import { at } from './machine-os.ts'
import { MachineNetwork } from './network.ts'
import { type DispatchParts, powerOff } from './parts.ts'
import { type DispatchState, readState } from './state.ts'
import { findTaskMedia, parseJson, type TaskMedium } from './task-media.ts'

/**
 * The dispatcher's life on one boot: finds the job of this machine, claims it, starts its target,
 * watches, reports, powers off. Returns the contract's exit code; never throws.
 */
export async function dispatch(parts: DispatchParts): Promise<number> {
  const { os, options, tell } = parts
  try {
    if (!os.isRoot) throw dispatchFaults.notRoot('the dispatcher writes disks: run it as root')
    const state = await readState(os, options.folder)
    if (state && state.phase !== 'checked') return await goOn(parts, state)
    return await begin(parts, state)
  } catch (error) {
    tell(sentence(error))
    return exitCodeOf(error)
  }
}

async function begin(parts: DispatchParts, state: DispatchState | undefined): Promise<number> {
  const { os, options, tell } = parts
  const identity = await readIdentity(os, options.serial)
  const { devices, mountPoint, waitMs, pollMs } = options
  const isMine = ({ job }: TaskMedium) => isFor(job, identity)
  const media = await findTaskMedia(os, { devices, mountPoint, waitMs, pollMs, isMine, tell })
  const overlaid = await Promise.all(media.map((medium) => overlay(parts, medium)))
  const mine = overlaid.filter(isMine)
  const [first] = overlaid
  if (mine.length === 0 && first) return await mismatch(parts, first, identity)
  const network = new MachineNetwork(os, tell)
  for (const medium of mine) {
    tell(`the task medium is ${medium.from}, job ${medium.job.job_id}`)
    await using job = new JobOfMachine(parts, medium.job, identity, network)
    const code = await job.run(medium, state)
    if (code !== undefined) return code
  }
  if (!options.noStart) await powerOff(parts)
  return 0
}

/** `--recipe-path` and `--schema-path` stand for the files of the medium. */
async function overlay(parts: DispatchParts, medium: TaskMedium): Promise<TaskMedium> {
  const { recipePath, schemaPath } = parts.options
  const files = new Map(medium.files)
  if (recipePath !== undefined) files.set('recipe.json', await readOption(parts, recipePath))
  if (schemaPath !== undefined) files.set('recipe.schema.json', await readOption(parts, schemaPath))
  return { ...medium, files }
}

async function readOption({ os }: DispatchParts, path: string): Promise<Uint8Array> {
  try {
    return await readFile(at(os, path))
  } catch (cause) {
    throw dispatchFaults.recipeUnreadable(`${path} can not be read: ${sentence(cause)}`, { cause })
  }
}

/** All media are of other machines: said in a report, nothing is written. */
async function mismatch(
  parts: DispatchParts,
  medium: TaskMedium,
  identity: Identity,
): Promise<number> {
  const { job } = medium
  const message = mismatchSentence(job, identity)
  parts.tell(message)
  if (parts.options.noStart) return 0
  // By its MACs: the network of another machine changes nothing here.
  const network = new MachineNetwork(parts.os, parts.tell)
  await using own = new JobOfMachine(parts, job, identity, network)
  await own.reportMismatch(medium, message)
  return 0
}

/** A dispatcher that was started again after its target began only watches and reports. */
async function goOn(parts: DispatchParts, state: DispatchState): Promise<number> {
  const { os, options, tell } = parts
  tell(`going on with job ${state.job_id} after a restart of the dispatcher`)
  const text = await readFile(join(at(os, options.folder), 'job.json')).catch(() => undefined)
  const job = v.safeParse(JobDocument, parseJson(text))
  if (!job.success || job.output.job_id !== state.job_id) {
    tell(`${options.folder}/job.json is not of this job: nobody can be told how it ends`)
    return PANIC
  }
  const identity = await readIdentity(os, options.serial)
  // Its network was set up by the dispatcher that began.
  const network = new MachineNetwork(os, tell)
  await using own = new JobOfMachine(parts, job.output, identity, network)
  return await own.goOn(state)
}
