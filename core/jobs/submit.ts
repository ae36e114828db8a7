// SPDX-License-Identifier: AGPL-3.0-or-later
import type { JobRequest } from '../../schemas/job.ts'
import type { Recipe } from '../../schemas/recipe.ts'
import type { Principal } from '../auth/auth.ts'
import { conflictFaults } from '../faults.ts'
import type { Submission } from '../hooks.ts'
import { machineFaults } from '../machines/faults.ts'
import type { Machine } from '../machines/machine.ts'
import { digest } from '../seal.ts'
import { documentsOf, findJobByKey, insertJob, latestJob } from '../store/jobs.ts'
import { findMachine } from '../store/machines.ts'
import { jobFaults } from './faults.ts'
import type { Job } from './job.ts'
import type { JobParts } from './parts.ts'
import type { Workflow } from './run.ts'
import { openRecipe, sealRecipe, sealTokens } from './secrets.ts'

export interface Checked {
  readonly machine: Machine
  readonly recipe: Recipe
  readonly workflow: Workflow
  readonly warnings: readonly string[]
}

export interface Accepted {
  readonly job: Job
  readonly warnings: readonly string[]
  /** The idempotency key was seen before: this is the job it made then. */
  readonly repeated: boolean
}

/** Everything that can be refused before a job has a row. Without `jobId` it is a dry run. */
export async function check(
  parts: JobParts,
  request: Pick<JobRequest, 'server_serial' | 'recipe'>,
  by: Principal,
  jobId?: string,
): Promise<Checked> {
  const { recipe, workflow, warnings } = parts.recipes.parse(request.recipe)
  const machine = await parts.machines.named(request.server_serial)
  if (machine.protected) {
    throw machineFaults.protected(
      `machine ${machine.serial} is protected; take the protection away before you provision it`,
    )
  }
  const submission: Submission = {
    ...{ recipe, workflow, machine, by, warnings: [...warnings] },
    dryRun: jobId === undefined,
    ...(jobId === undefined ? {} : { jobId }),
  }
  await parts.hooks.submit.promise(submission)
  return { machine, recipe: submission.recipe, workflow, warnings: submission.warnings }
}

const removed = (serial: string) =>
  machineFaults.notFound(`machine ${serial} was removed meanwhile; add it again`)

async function activeFault(parts: JobParts, machine: Machine) {
  const other = await latestJob(parts.db.read, machine.id)
  return conflictFaults.active_job(
    `machine ${machine.serial} has job ${other?.id ?? 'unknown'} (${other?.status ?? 'just ended'}); wait for it or cancel it`,
  )
}

async function repeated(parts: JobParts, key: string, requestDigest: string) {
  const known = await findJobByKey(parts.db.read, key)
  if (!known) return undefined
  if (known.requestDigest !== requestDigest) {
    throw conflictFaults.idempotency(
      `the idempotency key was used for another request (job ${known.id}); use a new key`,
    )
  }
  return { job: known, warnings: [], repeated: true }
}

/** Takes a job in. Throws what `check` throws, `conflict.active_job`, `conflict.idempotency`. */
export async function submit(
  parts: JobParts,
  request: JobRequest,
  by: Principal,
  origin: { readonly idempotencyKey?: string; readonly retryOf?: string } = {},
): Promise<Accepted> {
  const requestDigest = digest(JSON.stringify(request))
  const key = origin.idempotencyKey && `${by.name}/${origin.idempotencyKey}`
  const before = key && (await repeated(parts, key, requestDigest))
  if (before) return before

  const id = crypto.randomUUID()
  const { machine, recipe, workflow, warnings } = await check(parts, request, by, id)
  const at = parts.now()
  const lines = warnings.map((message) => ({ level: 'warn', message, step: 'submit' }) as const)
  const job = await parts.book.change(
    async (tx) => {
      // Removed since it was looked up: nobody could ever take this job up.
      if (!(await findMachine(tx, machine.id))) throw removed(machine.serial)
      const row = {
        id,
        machineId: machine.id,
        serial: machine.serial,
        status: 'queued' as const,
        taskTarget: recipe.task_target,
        ...sealTokens(parts.sealer, id),
        takeOver: request.take_over,
        createdBy: by.name,
        retryOf: origin.retryOf ?? null,
        idempotencyKey: key ?? null,
        requestDigest: key ? requestDigest : null,
        mediaValid: true,
        media: [],
        bytesRead: {},
        launches: 0,
        expectsClaim: workflow.bootImage === undefined,
        pausedMs: 0,
        cleanupAttempts: 0,
        createdAt: at,
        updatedAt: at,
        nextCheckAt: at,
      }
      return insertJob(tx, row, sealRecipe(parts.sealer, id, recipe, request.recipe))
    },
    { level: 'info', message: `job for ${machine.serial} queued by ${by.name}`, step: 'submit' },
    ...lines,
  )
  if (job) return { job, warnings, repeated: false }
  // Lost a race: against the same key, or against another job on this machine.
  const raced = key && (await repeated(parts, key, requestDigest))
  if (raced) return raced
  throw await activeFault(parts, machine)
}

/** The same disk that was claimed, and no other: what the first job was allowed to erase. */
function consented(recipe: Recipe, job: Job): Recipe {
  const disk = job.claim?.disk
  if (!disk) return recipe
  if (disk.serial) {
    return {
      ...recipe,
      target_disk: { serial: disk.serial },
      overwrite: { disk_serial: disk.serial },
    }
  }
  if (disk.wwn) return { ...recipe, target_disk: { wwn: disk.wwn }, overwrite: 'any' }
  return disk.path ? { ...recipe, target_disk: disk.path, overwrite: 'any' } : recipe
}

/** A new job with the recipe of an old one. Throws `job.not-found` and what `submit` throws. */
export async function retry(parts: JobParts, id: string, by: Principal): Promise<Accepted> {
  const old = await parts.book.get(id)
  if (!old) throw jobFaults.notFound(`there is no job ${id}`)
  const recipe = consented(openRecipe(parts.sealer, await documentsOf(parts.db.read, old.id)), old)
  const machine = await parts.machines.byId(old.machineId)
  if (!machine) throw removed(old.serial)
  // An alias of its own keeps a machine apart from another with the same serial.
  const [name = old.serial] = await parts.machines.ownNames(machine)
  return submit(parts, { server_serial: name, recipe, take_over: old.takeOver }, by, {
    retryOf: old.id,
  })
}
