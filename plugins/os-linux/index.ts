// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'
import type { Addresses } from '../../core/addresses.ts'
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
      isOurs: (host) => isOurRegistry(host, addresses),
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

/** The host of an `oci_url`, with the port of our API listener: https has 443 when it names none. */
function isOurRegistry(host: string, addresses: Addresses): boolean {
  const url = URL.parse(`https://${host}`)
  if (!url) return false
  const { hostname, port } = url
  const local = addresses.localUrl()
  const localPort = local === undefined ? undefined : Number(new URL(local).port)
  const asked = port === '' ? 443 : Number(port)
  if (asked !== addresses.apiPort() && asked !== localPort) return false
  const names = ['localhost', '127.0.0.1', ...addresses.own(), ...addresses.names()]
  return names.includes(hostname.toLowerCase())
}
