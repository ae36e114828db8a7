// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'
import { invalidRecipe } from '../../core/jobs/recipe-problems.ts'
import type { Workflow } from '../../core/jobs/run.ts'
import { definePlugin } from '../../core/plugin.ts'
import { sharedFields } from '../../schemas/recipe.ts'
import { Network } from '../../schemas/recipe-network.ts'
import { networkProblems } from '../../schemas/recipe-network-rules.ts'

const NAME = 'inspect'

const recipe = v.strictObject({
  ...sharedFields('inspect.target'),
  network: v.optional(Network),
})

/** The machine tells what is in it with its claim, and does nothing else: no disk, no image, no files. */
export const inspectWorkflow: Workflow = {
  target: 'inspect.target',
  recipe,
  check(asked) {
    const { network } = v.parse(recipe, asked)
    const problems = network ? networkProblems(network) : []
    if (problems.length > 0) throw invalidRecipe(problems)
  },
  files: () => new Map(),
}

/** Knows `inspect.target`: boots a machine, takes its inventory, writes nothing. */
export const inspect = definePlugin({
  name: NAME,
  config: v.strictObject({}),
  setup({ hooks }) {
    const { target } = inspectWorkflow
    hooks.targets.tap(NAME, (targets) => [...targets, target])
    hooks.workflow.tap(NAME, (asked) => (asked === target ? inspectWorkflow : undefined))
  },
})
