// SPDX-License-Identifier: AGPL-3.0-or-later
import type {
  ControllerIdentity,
  ControllerProfile,
  ControllerRules,
} from '../../core/jobs/controller.ts'

/** What every bmcweb with drives of its own takes (bmcweb redfish-core/lib/virtual_media.hpp:142-264). */
const bmcweb: ControllerRules = {
  // Both are refused when they are anything else; proxy drives have no action and fall out by themselves (:377-432).
  insertWith: { TransferMethod: 'Stream', Inserted: true },
  bootTarget: 'Cd',
}

/** As it comes from the project: smb and https are the only schemes (:561-588; openbmc #3991). */
const upstream: ControllerRules = {
  ...bmcweb,
  schemes: ['https'],
  mediaRemedy:
    'bmcweb offers drives for images only when it is built with its legacy mode; a proxy drive serves the KVM page alone.',
  advice: ['bmcweb fetches images over https alone: the appliance must listen on https for BMCs.'],
}

/** GB200 NVL (captured, 24.12-8): USB1 and USB2 are alike, and which schemes they take is not told. */
const nvidia: ControllerRules = {
  ...bmcweb,
  mediaRemedy:
    'A BlueField DPU has no virtual media at all: it can not be provisioned this way. Of two systems set the machine to that of the host.',
}

/** The collection is there and stays empty (csm-redfish-interface-emulator, mockups/Intel). */
const intel: ControllerRules = {
  ...upstream,
  mediaRemedy:
    "Intel's server BMC lists no virtual drives over Redfish, whatever its licence: this controller can not be used.",
  advice: ["Intel's server BMC lists no virtual drives over Redfish: jobs are refused."],
}

const FAMILIES = [
  { name: 'openbmc-nvidia', is: /nvidia/i, rules: nvidia },
  { name: 'openbmc-intel', is: /\bintel\b/i, rules: intel },
  { name: 'openbmc', is: /./, rules: upstream },
]

/** The profile of an OpenBMC; undefined for every other, vendors' own builds of it among them. */
export function openbmcProfile(identity: ControllerIdentity): ControllerProfile | undefined {
  const { vendor, systemManufacturer, managerModel, oem } = identity
  const makers = `${vendor} ${systemManufacturer}`
  const isOpenbmc = oem.some((key) => /^openbmc$/i.test(key)) || /openbmc/i.test(managerModel)
  // AMI's own controller in a DGX is no OpenBMC, whatever the maker.
  const isNamed = /\b(nvidia|intel)\b/i.test(makers) && !oem.includes('Ami')
  if (!isOpenbmc && !isNamed) return undefined
  const family = FAMILIES.find(({ is }) => is.test(`${makers} ${oem.join(' ')}`))
  if (!family) return undefined
  const by = isOpenbmc ? 'OpenBMC' : makers.trim()
  return {
    name: family.name,
    because: `${by}, model ${managerModel || 'unknown'}`,
    rules: family.rules,
  }
}
