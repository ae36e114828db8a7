// SPDX-License-Identifier: AGPL-3.0-or-later
import type { ControllerIdentity, ControllerProfile } from '../../core/jobs/controller.ts'
import { vmmControl } from './vmm-control.ts'

/** The profile of a Huawei controller; undefined for every other. Known by the service root alone, too. */
export function huaweiProfile(identity: ControllerIdentity): ControllerProfile | undefined {
  const { vendor, systemManufacturer, systemModel, managerFirmware, oem } = identity
  const named = [vendor, systemManufacturer].some((name) => /\bhuawei\b/i.test(name))
  if (!named && !oem.includes('Huawei')) return undefined
  return {
    name: 'huawei-ibmc',
    because: `Huawei, model ${systemModel || 'unknown'}, iBMC ${managerFirmware || 'unknown'}`,
    rules: {
      // 2288H V5, iBMC 6.41: the session's body needs a domain (mammoth field notes).
      loginWith: { Oem: { Huawei: { Domain: 'AutomaticMatching' } } },
      bootTarget: 'Cd',
      // CD and USBStick are listed; only CD takes an image (Huawei-iBMC-Cmdlets VirtualMedia.ps1).
      usableDrives: '/CD$|^CD$',
      twoImages: false,
      advice: ['iBMC takes one image at a time, and by https only: plain http is refused.'],
    },
    actions: vmmControl,
  }
}
