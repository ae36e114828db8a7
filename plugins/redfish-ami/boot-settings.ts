// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'
import { Fault } from '../../core/faults.ts'
import type { ControllerActions, OemClient } from '../../core/jobs/oem.ts'

const System = v.object({
  Boot: v.optional(
    v.object({
      BootSourceOverrideEnabled: v.optional(v.string()),
      BootSourceOverrideMode: v.optional(v.string()),
    }),
    {},
  ),
})

const bootOf = (body: unknown) => {
  const parsed = v.safeParse(System, body)
  return parsed.success ? parsed.output.Boot : {}
}

/** Mode, enabled and target in one request, every time (ironic VENDORS_REQUIRING_FULL_BOOT_REQUEST). */
async function bodyFor(oem: OemClient, enabled: string, target: string) {
  const { BootSourceOverrideMode } = bootOf((await oem.get(oem.systemUri)).body)
  return {
    Boot: {
      BootSourceOverrideTarget: target,
      BootSourceOverrideEnabled: enabled,
      BootSourceOverrideMode: BootSourceOverrideMode || 'UEFI',
    },
  }
}

/** Refused at the system as `OperationSupportedInFutureStateURI`: then the future state takes it (omni-infra redfish.go:113-190). */
const futureOf = ({ systemUri }: OemClient) => `${systemUri}/SD`

/** Writes the boot to the future state. False where there is none. */
async function writeFuture(oem: OemClient, enabled: string, target: string): Promise<boolean> {
  if (!(await oem.look(futureOf(oem))).ok) return false
  const answer = await oem.patch(futureOf(oem), await bodyFor(oem, enabled, target))
  await oem.finish(answer, 'boot', 'The boot override')
  return true
}

const isBootFault = (error: unknown) => error instanceof Fault && error.code === 'redfish.boot'

/** Boot settings of MegaRAC: at the system, else at its future state. */
export const bootSettings: ControllerActions = {
  async bootOnce({ oem, target, standard }) {
    try {
      await standard()
    } catch (error) {
      if (!isBootFault(error) || !(await writeFuture(oem, 'Once', target))) throw error
    }
  },
  async clearBoot({ oem }) {
    const { BootSourceOverrideEnabled: enabled } = bootOf((await oem.get(oem.systemUri)).body)
    if (enabled === undefined || enabled === 'Disabled') return
    const answer = await oem.patch(oem.systemUri, await bodyFor(oem, 'Disabled', 'None'))
    if (!answer.ok && (await writeFuture(oem, 'Disabled', 'None'))) return
    await oem.finish(answer, 'boot', 'Clearing the boot override')
  },
}
