// SPDX-License-Identifier: AGPL-3.0-or-later
import type {
  ControllerIdentity,
  ControllerProfile,
  ControllerRules,
} from '../../core/jobs/controller.ts'

/** Compares dotted numbers part by part: 6.00.02 comes before 6.00.30.00. */
export function isOlder(firmware: string, than: string): boolean {
  const [a, b] = [firmware, than].map((text) => text.split('.').map(Number))
  const length = Math.max(a?.length ?? 0, b?.length ?? 0)
  for (let part = 0; part < length; part++) {
    const difference = (a?.[part] || 0) - (b?.[part] || 0)
    if (difference !== 0) return difference < 0
  }
  return false
}

/** Two images at once since then; media stand under the system (iDRAC-Redfish-Scripting v7 notes, #58). */
const TWO_IMAGES_SINCE = '6.00.02'
/** metal3-docs supported_hardware.md: below it, virtual media are not reliable. */
const RELIABLE_SINCE = '6.10.30.00'

/** Every PowerEdge: SerialNumber is the board's, SKU the service tag (ironic bug 2146585). */
const everyDell: ControllerRules = {
  skuIsSerial: true,
  bootTarget: 'Cd',
  checks: [
    {
      // Captured from R750, iDRAC 9 6.00.30.00; what lockdown blocks: libredfish dell.rs.
      from: 'manager',
      path: [
        'Links',
        'Oem',
        'Dell',
        'DellAttributes',
        '0',
        'Attributes',
        'Lockdown.1.SystemLockdown',
      ],
      expect: 'Disabled',
      advice: 'System lockdown is on: boot override and media will be refused until it is lifted.',
    },
  ],
}

const twoDrives: ControllerRules = {
  ...everyDell,
  // The manager's CD and RemovableDisk are still listed, but take one image only (iDRAC-Redfish-Scripting #290).
  usableDrives: '/Systems/',
  // 2 never boots (ironic drac/boot.py, bug 2125571; terraform-provider-redfish #324, #327, #329).
  bootDrives: ['^1$'],
}

/** `15G Monolithic` → 15. iDRAC 9 serves 14G to 16G, iDRAC 10 begins with 17G. */
const generationOf = ({ managerModel }: ControllerIdentity) =>
  Number(/^(\d+)G\b/.exec(managerModel)?.[1] ?? 0)

function idrac9(firmware: string): ControllerProfile {
  const advice = isOlder(firmware, RELIABLE_SINCE)
    ? [`iDRAC firmware ${firmware} is older than ${RELIABLE_SINCE}: update it for reliable media.`]
    : []
  return {
    name: 'dell-idrac9',
    because: `Dell, iDRAC firmware ${firmware}: ${TWO_IMAGES_SINCE} or newer`,
    rules: { ...twoDrives, advice },
  }
}

/** iDRAC 10 has the system's view only, and only 1 boots (ironic drac/boot.py, bug 2125571). */
const idrac10 = (identity: ControllerIdentity): ControllerProfile => ({
  name: 'dell-idrac10',
  because: `Dell, ${identity.managerModel}: 17G or newer`,
  rules: twoDrives,
})

/** One remote file share for both drives (iDRAC-Redfish-Scripting #241, #265, #290). */
const olderIdrac = (firmware: string): ControllerProfile => ({
  name: 'dell-idrac-one-image',
  because: `Dell, iDRAC firmware ${firmware || 'unknown'}: older than ${TWO_IMAGES_SINCE}`,
  rules: {
    ...everyDell,
    twoImages: false,
    advice: [
      `iDRAC firmware ${firmware || '(unknown)'} takes one image at a time: update an iDRAC 9 to ${RELIABLE_SINCE} or newer.`,
      // sushy oem/dell manager.py:90-115; metal3-docs supported_hardware.md.
      'Before firmware 4.40.10 the boot override Cd does not reach the virtual drive; a Dell action is needed there.',
    ],
  },
})

/** The profile of a Dell controller; undefined for every other. */
export function dellProfile(identity: ControllerIdentity): ControllerProfile | undefined {
  const isDell = /\bdell\b/i.test(identity.vendor) || identity.oem.includes('Dell')
  if (!isDell) return undefined
  if (generationOf(identity) >= 17) return idrac10(identity)
  const firmware = identity.managerFirmware
  return isOlder(firmware, TWO_IMAGES_SINCE) ? olderIdrac(firmware) : idrac9(firmware)
}
