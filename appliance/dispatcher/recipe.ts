// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'
import { sentence } from '../../core/faults.ts'
import type { Workflow } from '../../core/jobs/run.ts'
import { inspectWorkflow } from '../../plugins/inspect/index.ts'
import { createLinuxWorkflow } from '../../plugins/os-linux/index.ts'
import { TaskTarget } from '../../schemas/recipe.ts'
import { Overwrite, TargetDisk } from '../../schemas/recipe-disk.ts'
import { RecipeEnv } from '../../schemas/recipe-env.ts'
import { OciUrl } from '../../schemas/recipe-oci.ts'
import { PartitionLayout } from '../../schemas/recipe-partition.ts'
import { dispatchFaults } from './faults.ts'

/** What the machine needs of any recipe; the rest is for the tools of its target. */
export const MachineRecipe = v.looseObject({
  schema_version: v.optional(v.string(), '1'),
  task_target: TaskTarget,
  target_disk: v.optional(TargetDisk),
  overwrite: v.optional(Overwrite, 'empty'),
  oci_url: v.optional(OciUrl),
  partition_layout: v.optional(PartitionLayout),
  firmware_url: v.optional(v.string()),
  wim_index: v.optional(v.number()),
  env: v.optional(RecipeEnv),
})
export type MachineRecipe = v.InferOutput<typeof MachineRecipe>

/** Targets whose whole part of the schema is known here. Whose image is ours was judged at submit. */
const KNOWN: readonly Workflow[] = [
  createLinuxWorkflow({ isOurs: () => true, overwrite: 'empty' }),
  inspectWorkflow,
]

/** The recipe of a medium, by the rules that the appliance has too. Throws `dispatch.recipe-unreadable`, `dispatch.recipe`. */
export function checkedRecipe(document: unknown): MachineRecipe {
  if (typeof document !== 'object' || document === null) {
    throw dispatchFaults.recipeUnreadable('recipe.json of the task medium is missing or no JSON')
  }
  const parsed = v.safeParse(MachineRecipe, document)
  if (!parsed.success) throw invalid(parsed.issues)
  const workflow = KNOWN.find(({ target }) => target === parsed.output.task_target)
  if (!workflow) return parsed.output
  const strict = v.safeParse(workflow.recipe, document)
  if (!strict.success) throw invalid(strict.issues)
  try {
    workflow.check(strict.output as never)
  } catch (cause) {
    throw dispatchFaults.recipe(sentence(cause), { cause })
  }
  return parsed.output
}

/** Names the place, never the value: recipes hold secrets. */
function invalid(issues: readonly v.BaseIssue<unknown>[]) {
  const places = issues.map((issue) => v.getDotPath(issue) ?? 'the whole')
  return dispatchFaults.recipe(
    `recipe.json of the task medium is not valid at ${[...new Set(places)].slice(0, 5).join(', ')}; is the maintenance image older than the appliance?`,
  )
}

/** `$id` of the schema that travels with the recipe. Throws `dispatch.schema`. */
export function schemaIdOf(document: unknown): string {
  const schema = v.safeParse(v.looseObject({ $id: v.optional(v.string(), '') }), document)
  if (schema.success) return schema.output.$id
  throw dispatchFaults.schema('recipe.schema.json of the task medium is missing or no JSON')
}
