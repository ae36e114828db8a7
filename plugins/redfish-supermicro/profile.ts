// SPDX-License-Identifier: AGPL-3.0-or-later
import type {
  ControllerIdentity,
  ControllerProfile,
  ControllerRules,
} from '../../core/jobs/controller.ts'
import { isoConfig } from './iso-config.ts'

const every: ControllerRules = {
  // Cd is the drive in the chassis; the virtual one is UsbCd, both are listed (sushy system.py:255, 376-400).
  bootTarget: 'UsbCd',
  // Mode must be sent again with each change (ironic management.py:168-182, stories 2008547, 2008712).
  fullBootTriple: true,
  checks: [
    {
      // Captured from SYS-821GE-TNHR, BMC 11.01.01: SFT-DCMS-SINGLE. OOB licences: supermicro-product-key #2.
      from: 'manager',
      path: ['Oem', 'Supermicro', 'LicenseManager', 'QueryLicense', 'Licenses'],
      expect: 'SFT-DCMS|SFT-OOB',
      advice:
        'No licence SFT-OOB-LIC or SFT-DCMS-SINGLE is shown: virtual media by Redfish will be refused.',
    },
    {
      // Captured from SYS-821GE-TNHR, BMC 11.01.01.
      from: 'manager',
      path: ['Oem', 'Supermicro', 'SysLockdown', 'SysLockdownEnabled'],
      expect: 'false',
      advice: 'System lockdown is on: boot override and media will be refused until it is lifted.',
    },
  ],
}

/** X11SDV-4C-TLN2F (bmclib virtual_media.go), X12STW-TF (community.general #4839, #12537). */
const oneDrive: ControllerRules = {
  ...every,
  // Refused by both generations (sushy note fix-insert-media-payload).
  insertWithout: ['Inserted', 'WriteProtected'],
  // One CD1 behind VM1.
  twoImages: false,
  advice: ['X10, X11 and X12 boards take one image at a time.'],
}

/** OpenBMC-based boards: USB1 and USB2 take images, Slot_0 has no action (redfish_ctl supermicro_fixtures). */
const openBmc: ControllerRules = { ...every, bootDrives: ['^USB1$', '^USB\\d$'] }

/** The Grace superchip server boots its virtual CD as Cd (sushy note supermicro-vmedia-dev-workaround). */
const arm: ControllerRules = { ...every, bootTarget: 'Cd' }

/** Board names carry the generation (X12STW-TF); names of whole servers do not. */
const boardOf = ({ systemModel }: ControllerIdentity) => /\b([XH]\d\d)[A-Z]/.exec(systemModel)?.[1]

/** The profile of a Supermicro controller; undefined for every other. */
export function supermicroProfile(identity: ControllerIdentity): ControllerProfile | undefined {
  const { vendor, systemManufacturer, systemModel, oem } = identity
  const named = [vendor, systemManufacturer].some((name) => /supermicro/i.test(name))
  if (!named && !oem.includes('Supermicro')) return undefined
  const board = boardOf(identity)
  const because = `Supermicro, model ${systemModel || 'unknown'}`
  if (systemModel.includes('ARS-111GL-NHR')) {
    return { name: 'supermicro-arm', because, rules: arm }
  }
  if (board && /^X1[012]$/.test(board)) {
    const name = `supermicro-${board.toLowerCase()}`
    // X10 and X11 have no InsertMedia where the OEM configuration of an ISO stands (badfish main.py:1490-1607).
    return { name, because, rules: oneDrive, ...(board !== 'X12' && { actions: isoConfig }) }
  }
  if (oem.includes('OpenBmc')) {
    return { name: 'supermicro-openbmc', because: `${because}, OEM key OpenBmc`, rules: openBmc }
  }
  // SYS-821GE-TNHR (X13, captured) lists three drives, each of which takes an image.
  return { name: 'supermicro', because, rules: every }
}
