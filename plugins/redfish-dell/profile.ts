// SPDX-License-Identifier: AGPL-3.0-or-later
import type {
  ControllerIdentity,
  ControllerProfile,
  ControllerRules,
} from '../../core/jobs/controller.ts'
import { isOlder } from '../../core/versions.ts'
import { bootByConfiguration } from './boot-configuration.ts'

/** Two images at once since then; media stand under the system (iDRAC-Redfish-Scripting v7 notes, #58). */
const TWO_IMAGES_SINCE = '6.00.02'
/** metal3-docs supported_hardware.md: below it, virtual media are not reliable. */
const RELIABLE_SINCE = '6.10.30.00'
/** InsertMedia is absent before (iDRAC-Redfish-Scripting #24; metal3-docs supported_hardware.md). */
const ISO_SINCE_8 = '2.75.75.75'

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

/** From here on the override reaches the virtual CD (ironic note fix-redfish-vm-boot-idrac). */
const BOOTS_CD_SINCE = '4.40.10'

/** Servers with AMD processors end in 5: R6515, R7525. */
const isAmd = ({ systemModel }: ControllerIdentity) => /\b[A-Z]+\d{3}5\b/.test(systemModel)

/** The override Cd means the drive in the chassis (sushy oem/dell manager.py:90-115, iDRAC-Redfish-Scripting #90). */
const needsConfiguration = (identity: ControllerIdentity) =>
  isOlder(identity.managerFirmware, isAmd(identity) ? TWO_IMAGES_SINCE : BOOTS_CD_SINCE)

/** One remote file share for both drives (iDRAC-Redfish-Scripting #241, #265, #290). */
function olderIdrac(identity: ControllerIdentity): ControllerProfile {
  const firmware = identity.managerFirmware
  const byConfiguration = needsConfiguration(identity)
  // 7 and 8 stay at 2.x; their newest is the least that metal3 supports (supported_hardware.md).
  const is8 = generationOf(identity) > 0 && generationOf(identity) < 14
  return {
    name: byConfiguration ? 'dell-idrac-boot-by-configuration' : 'dell-idrac-one-image',
    because: `Dell, iDRAC firmware ${firmware || 'unknown'}: older than ${byConfiguration && !isAmd(identity) ? BOOTS_CD_SINCE : TWO_IMAGES_SINCE}`,
    rules: {
      ...everyDell,
      // RemovableDisk takes .img only (iDRAC-Redfish-Scripting v7 notes).
      bootDrives: ['^CD$'],
      twoImages: false,
      mediaRemedy: `Update its firmware: iDRAC 7 and 8 take images from ${ISO_SINCE_8}, iDRAC 9 from 3.30.`,
      advice: [
        is8
          ? `iDRAC 7 and 8 take one image at a time, and none before firmware ${ISO_SINCE_8}.`
          : `iDRAC firmware ${firmware || '(unknown)'} takes one image at a time: update an iDRAC 9 to ${RELIABLE_SINCE} or newer.`,
      ],
    },
    ...(byConfiguration && { actions: bootByConfiguration }),
  }
}

/** The profile of a Dell controller; undefined for every other. */
export function dellProfile(identity: ControllerIdentity): ControllerProfile | undefined {
  const isDell = /\bdell\b/i.test(identity.vendor) || identity.oem.includes('Dell')
  if (!isDell) return undefined
  if (generationOf(identity) >= 17) return idrac10(identity)
  const firmware = identity.managerFirmware
  return isOlder(firmware, TWO_IMAGES_SINCE) ? olderIdrac(identity) : idrac9(firmware)
}
