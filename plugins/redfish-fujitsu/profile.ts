// SPDX-License-Identifier: AGPL-3.0-or-later
import type { ControllerIdentity, ControllerProfile } from '../../core/jobs/controller.ts'
import { irmcMedia } from './irmc-media.ts'

/** OEM keys of PRIMERGY servers; the second is the company's name since 2024 (terraform-provider-irmc-redfish). */
const OEM_KEYS = ['ts_fujitsu', 'Fsas']

/** The profile of a Fujitsu controller; undefined for every other. */
export function fujitsuProfile(identity: ControllerIdentity): ControllerProfile | undefined {
  const { vendor, systemManufacturer, systemModel, managerModel, oem } = identity
  const named = [vendor, systemManufacturer].find((name) => /\b(fujitsu|fsas)\b/i.test(name))
  const key = OEM_KEYS.find((one) => oem.includes(one))
  if (named === undefined && key === undefined) return undefined
  return {
    name: 'fujitsu-irmc',
    because: `${named ? `made by ${named}` : `OEM key ${key}`}, model ${systemModel || managerModel || 'unknown'}`,
    rules: {
      bootTarget: 'Cd',
      // A drive in the chassis may be taken for the virtual one (iRMC ansible collection #4).
      advice: [
        'Where a server has a CD drive of its own, take its medium out: it may be booted instead of the virtual one.',
      ],
    },
    actions: irmcMedia,
  }
}
