// SPDX-License-Identifier: AGPL-3.0-or-later
import type {
  ControllerIdentity,
  ControllerProfile,
  ControllerRules,
} from '../../core/jobs/controller.ts'

/** UCS B, C and X. */
const ucs: ControllerRules = {
  // Drives for the KVM answer 400 to an image (ironic note handle-dvd-only-vmedia, bug 2031595).
  nextDrive: true,
  bootTarget: 'Cd',
  mediaRemedy:
    'On UCS a vMedia policy or mapping of the service profile may hold the drives: free one, or switch virtual media on.',
}

/** Listed as working from there on (openshift-docs #91095). */
const WORKS_SINCE = 'CIMC 4.3 or 5.2(2)'

/** The profile of a Cisco controller; undefined for every other. */
export function ciscoProfile(identity: ControllerIdentity): ControllerProfile | undefined {
  const { vendor, systemManufacturer, systemModel, managerFirmware, oem } = identity
  const named = [vendor, systemManufacturer].some((name) => /\bcisco\b/i.test(name))
  if (!named && !oem.some((key) => /^cisco/i.test(key))) return undefined
  // OpenBMC beneath: some drives list no InsertMedia, others answer it with 405 (ironic note cisco-c845a-vmedia-fix).
  if (/C-?845A/i.test(systemModel)) {
    return { name: 'cisco-c845a', because: `Cisco, model ${systemModel}`, rules: ucs }
  }
  const isOld = /^[1-3]\.|^4\.[0-2]\D/.test(managerFirmware)
  const advice = isOld
    ? [`CIMC firmware ${managerFirmware} is not known to work: take ${WORKS_SINCE} or newer.`]
    : []
  return {
    name: 'cisco-ucs',
    because: `Cisco, model ${systemModel || 'unknown'}`,
    rules: { ...ucs, advice },
  }
}
