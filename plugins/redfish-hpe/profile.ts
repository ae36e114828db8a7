// SPDX-License-Identifier: AGPL-3.0-or-later
import type {
  ControllerIdentity,
  ControllerProfile,
  ControllerRules,
} from '../../core/jobs/controller.ts'
import { isOlder } from '../../core/versions.ts'
import { ilo4Actions } from './ilo4-media.ts'

/** Below it virtual media are not supported (metal3-docs supported_hardware.md). */
const ILO6_SINCE = '1.57'

/** iLO 5, 6 and 7: `Cd` is the virtual drive, each slot takes one image (redfishdocs; captures of 5 and 7). */
const ilo: ControllerRules = {
  bootTarget: 'Cd',
  checks: [
    {
      // Captured from DL360 Gen10 Plus (iLO 5 3.11) and DL360 Gen12 (iLO 7 1.14.00); without it
      // LicenseKeyRequired (redfishdocs message registries).
      from: 'manager',
      path: ['Oem', 'Hpe', 'Links', 'LicenseService', 'Members', '0', 'LicenseFeatures', 'VM'],
      expect: 'true',
      advice:
        'The iLO licence does not include virtual media: images will be refused until iLO Advanced is installed.',
    },
  ],
  advice: [
    // libredfish hpe.rs:158.
    'Should power orders no longer have an effect, an AC cycle helps: the system’s action HpeComputerSystemExt.SystemReset with ResetType AuxCycle.',
  ],
}

/** iLO 4 (Gen8, Gen9). No BootSourceOverrideMode; target before enabled, as the engine sends it (bmclib). */
const ilo4: ControllerRules = {
  bootTarget: 'Cd',
  // Refused there (community.general _redfish_utils.py:3103-3107).
  insertWithout: ['Inserted', 'WriteProtected'],
  advice: [
    'iLO 4 takes images by HTTP(S) with an iLO Advanced licence only: without it the insert is refused.',
  ],
}

/** `iLO 5` → 5; the older OEM key `Hp` is iLO 4's. */
function generationOf({ managerModel, managerFirmware, oem }: ControllerIdentity): number {
  const told = /\biLO (\d)\b/.exec(`${managerModel} ${managerFirmware}`)?.[1]
  if (told) return Number(told)
  return oem.includes('Hp') ? 4 : 0
}

/** `iLO 6 v1.50` and `1.14.00 May 28 2025` → the number. */
const firmwareOf = ({ managerFirmware }: ControllerIdentity) =>
  /\bv?(\d+\.\d+(?:\.\d+)?)\b/.exec(managerFirmware.replace(/^iLO \d/, ''))?.[1] ?? ''

function iloProfile(generation: number, identity: ControllerIdentity): ControllerProfile {
  const firmware = firmwareOf(identity)
  const tooOld = generation === 6 && isOlder(firmware, ILO6_SINCE)
  const advice = tooOld
    ? [`iLO 6 ${firmware || '(unknown)'} is older than ${ILO6_SINCE}: update it first.`]
    : []
  return {
    name: `hpe-ilo${generation}`,
    because: `HPE, ${identity.managerModel || 'iLO'} ${firmware}`.trim(),
    rules: { ...ilo, advice: [...advice, ...(ilo.advice ?? [])] },
  }
}

/** Cray EX nodeBMC: no virtual media, no boot override (captured EX425). */
const cray = ({ systemModel }: ControllerIdentity): ControllerProfile => ({
  name: 'hpe-cray',
  because: `HPE Cray, model ${systemModel}`,
  rules: {
    mediaRemedy: 'It has no virtual media: boot this node over its network instead.',
    advice: [
      'Cray node controllers have no virtual media: such a node can only be booted over its network.',
    ],
  },
})

/** The profile of an HPE controller; undefined for every other. */
export function hpeProfile(identity: ControllerIdentity): ControllerProfile | undefined {
  const { vendor, systemManufacturer, systemModel, oem } = identity
  const keyed = oem.includes('Hpe') || oem.includes('Hp')
  const named = [vendor, systemManufacturer].some((name) => /^(hpe?|hewlett)\b/i.test(name))
  if (!keyed && !named) return undefined
  if (/\bcray\b/i.test(systemModel)) return cray(identity)
  const generation = generationOf(identity)
  if (generation === 4) {
    const because = `HPE, ${identity.managerModel || 'OEM key Hp'} ${firmwareOf(identity)}`.trim()
    return { name: 'hpe-ilo4', because, rules: ilo4, actions: ilo4Actions }
  }
  return generation >= 5 ? iloProfile(generation, identity) : undefined
}
