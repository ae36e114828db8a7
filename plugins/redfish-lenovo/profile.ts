// SPDX-License-Identifier: AGPL-3.0-or-later
import type {
  ControllerIdentity,
  ControllerProfile,
  ControllerRules,
} from '../../core/jobs/controller.ts'

/** Remote media come with a licence (lenovo-py README; metal3-docs supported_hardware.md). */
const LICENCE =
  'Remote media need the XCC licence Enterprise or Platinum: without it the drives are missing or refuse images.'

/** Every XCC and XCC2. */
const xcc: ControllerRules = {
  // No InsertMedia before its newest firmware: SR630 V2, XCC 1.89 (gofish #529); sushy _allow_patch; bmclib #437.
  insertBy: 'patch',
  // Without Inserted a PATCH is refused on SD530 (sushy comment); the engine adds that one.
  insertWith: { WriteProtected: true },
  // RDOC1, RDOC2 and Remote1 to Remote4 are listed and take no image (community.general :3032, python-redfish-lenovo #21).
  usableDrives: '(^|/)EXT\\d+$',
  bootTarget: 'Cd',
  mediaRemedy: `${LICENCE} Take XCC firmware 2.50 or newer.`,
}

/** Images over HTTP came with 19A (lenovo-py README); members show only what is mounted before it (#9). */
const HTTP_SINCE = 2.5

/** `TGBT42S 2.83 2023-07-05` → 2.83; undefined for another form. */
const versionOf = (firmware: string) => {
  const found = /\b(\d+\.\d+)\b/.exec(firmware)?.[1]
  return found === undefined ? undefined : Number(found)
}

/** Servers named V2 and later count their XCC's firmware anew (SR630 V2: 1.89 takes images); only the first were ever without HTTP. */
function adviceFor({ managerFirmware, systemModel }: ControllerIdentity) {
  const version = versionOf(managerFirmware)
  const isFirst = !/\bV\d\b/.test(systemModel)
  const tooOld = isFirst && version !== undefined && version < HTTP_SINCE
  // UEFI 7.10 with BMC 9.10 (libredfish lenovo.rs:133-150).
  const hangs = systemModel.includes('SR675 V3') && version !== undefined && version <= 9.1
  return [
    LICENCE,
    ...(tooOld
      ? [
          `XCC firmware ${version} fetches no image over HTTP and lists drives only while they are mounted: update it to 2.50 or newer.`,
        ]
      : []),
    ...(hangs
      ? [
          'A forced restart may hang with BMC firmware 9.10: update it before a job needs a second launch.',
        ]
      : []),
  ]
}

/** The profile of a Lenovo XCC; undefined for every other, Lenovo's servers with AMI's controller among them. */
export function lenovoProfile(identity: ControllerIdentity): ControllerProfile | undefined {
  const { vendor, product, systemManufacturer, systemModel, managerFirmware, oem } = identity
  const isLenovo =
    oem.includes('Lenovo') || [vendor, systemManufacturer].some((name) => /\blenovo\b/i.test(name))
  const isAmi =
    oem.includes('Ami') || /\bAMI\b/.test(product) || /SR6[35]5\b(?! V)/.test(systemModel)
  if (!isLenovo || isAmi) return undefined
  return {
    name: 'lenovo-xcc',
    because: `Lenovo, model ${systemModel || 'unknown'}, XCC firmware ${managerFirmware || 'unknown'}`,
    rules: { ...xcc, advice: adviceFor(identity) },
  }
}
