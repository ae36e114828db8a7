// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'
import type { Workflow } from '../../core/jobs/run.ts'
import { definePlugin } from '../../core/plugin.ts'
import { sharedFields } from '../../schemas/recipe.ts'

const NAME = 'inspect'

/** The machine tells what is in it with its claim, and does nothing else: no disk, no image, no files. */
export const inspectWorkflow: Workflow = {
  target: 'inspect.target',
  recipe: v.strictObject(sharedFields('inspect.target')),
  check() {},
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
