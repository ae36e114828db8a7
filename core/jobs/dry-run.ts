// SPDX-License-Identifier: AGPL-3.0-or-later
import type { DryRunView, JobRequest } from '../../schemas/job.ts'
import type { Principal } from '../auth/auth.ts'
import { machineFaults } from '../machines/faults.ts'
import { MINUTE } from '../units.ts'
import type { JobParts } from './parts.ts'
import { check } from './submit.ts'

/** Every task ISO has these. */
const OWN_FILES = ['/recipe.json', '/recipe.schema.json', '/job.json']

/**
 * What a job would meet, up to and without its first change at the controller. Throws the fault that
 * the job would have ended with.
 */
export async function dryRun(
  parts: JobParts,
  request: JobRequest,
  by: Principal,
): Promise<DryRunView> {
  const { machine, recipe, workflow, warnings } = await check(parts, request, by)
  const said: string[] = []
  const watch = {
    note: (level: string, message: string) => void (level === 'info' || said.push(message)),
  }
  await using bmc = await parts.hooks.bmc.promise(machine, watch)
  if (!bmc) throw machineFaults.noBmc(`no plugin can talk to ${machine.bmc.url}`)
  const plan = await bmc.plan(AbortSignal.timeout(2 * MINUTE))
  return {
    dry_run: true,
    server_serial: machine.serial,
    task_target: recipe.task_target,
    media_plan: plan.name,
    media_plan_reason: plan.why,
    files: [...OWN_FILES, ...workflow.files(recipe).keys()],
    warnings: [...warnings, ...said],
  }
}
