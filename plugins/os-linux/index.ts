// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'
import { isOurHost } from '../../core/addresses.ts'
import { definePlugin } from '../../core/plugin.ts'
import { LINUX_TARGET } from './recipe.ts'
import { createLinuxWorkflow } from './workflow.ts'

export { createLinuxWorkflow, type LinuxWorkflow } from './workflow.ts'

const NAME = 'os-linux'

/** Knows `install-linux.target`. After `payloads`, so that its advice sees the text of user data. */
export const osLinux = definePlugin({
  name: NAME,
  after: ['payloads'],
  config: v.strictObject({
    overwrite: v.pipe(
      v.optional(v.picklist(['empty', 'any']), 'empty'),
      v.description('which disk may be erased when a recipe does not say: empty or any'),
    ),
  }),
  setup({ hooks, addresses }, config) {
    const linux = createLinuxWorkflow({
      isOurs: (host) => isOurHost(host, addresses),
      overwrite: config.overwrite,
    })
    hooks.targets.tap(NAME, (targets) => [...targets, linux.target])
    hooks.workflow.tap(NAME, (target) => (target === LINUX_TARGET ? linux : undefined))
    hooks.submit.tapPromise(NAME, async (submission) => {
      if (submission.recipe.task_target !== LINUX_TARGET) return
      submission.warnings.push(...linux.advise(submission.recipe))
    })
  },
})
