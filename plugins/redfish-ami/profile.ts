// SPDX-License-Identifier: AGPL-3.0-or-later
import type {
  ControllerIdentity,
  ControllerProfile,
  ControllerRules,
} from '../../core/jobs/controller.ts'
import { bootSettings } from './boot-settings.ts'
import { remoteMedia } from './rmedia.ts'

const megarac: ControllerRules = {
  // ironic VENDORS_REQUIRING_FULL_BOOT_REQUEST.
  fullBootTriple: true,
  // CD1 to CD4, as many as ConfigureCDInstance says (Gigabyte H262, captured; python-redfish-lenovo).
  bootDrives: ['^CD1$', '.'],
  bootTarget: 'Cd',
  // The future state (omni-infra redfish.go:113-190).
  unlinked: ['SD'],
  mediaRemedy:
    'Switch remote media on (EnableRMedia, or "Remote Media Support" on its page), with at least one CD instance.',
}

/** DGX takes no insert without a name and a password, be they empty words (sushy note vmedia-blank-auth, bug 2071945). */
const dgx: ControllerRules = { ...megarac, insertWith: { UserName: 'none', Password: 'none' } }

/** Who sells the server, and what that changes. */
const FAMILIES: readonly { name: string; is: RegExp; rules: ControllerRules }[] = [
  { name: 'ami-dgx', is: /\bNVIDIA\b.*\bDGX|\bDGX/i, rules: dgx },
  { name: 'ami-lenovo', is: /\blenovo\b/i, rules: megarac },
  { name: 'ami-gigabyte', is: /gigabyte|giga computing/i, rules: megarac },
  { name: 'ami-asrock', is: /asrock/i, rules: megarac },
]

/** The profile of an AMI MegaRAC, whatever the server is called; undefined for every other. */
export function amiProfile(identity: ControllerIdentity): ControllerProfile | undefined {
  const { vendor, product, systemManufacturer, systemModel, oem } = identity
  const isAmi = oem.includes('Ami') || /\bAMI\b/.test(`${vendor} ${product}`)
  // Lenovo's AMD servers of one socket carry it under Lenovo's name (python-redfish-lenovo :140-190).
  const isLenovos =
    /lenovo/i.test(`${vendor} ${systemManufacturer}`) && /SR6[35]5\b(?! V)/.test(systemModel)
  const isDgx = /nvidia/i.test(`${vendor} ${systemManufacturer}`) && /\bDGX/i.test(systemModel)
  if (!isAmi && !isLenovos && !isDgx) return undefined
  const seller = `${vendor} ${systemManufacturer} ${systemModel}`.trim()
  const family = FAMILIES.find(({ is }) => is.test(seller))
  return {
    name: family?.name ?? 'ami-megarac',
    because: isAmi
      ? `AMI MegaRAC, sold as ${seller}`
      : `model ${systemModel}, which has AMI's controller`,
    rules: family?.rules ?? megarac,
    actions: { ...remoteMedia, ...bootSettings },
  }
}
