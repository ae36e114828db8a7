// SPDX-License-Identifier: AGPL-3.0-or-later
import type { BmcState } from '../../core/jobs/bmc.ts'
import type { ControllerRules } from '../../core/jobs/controller.ts'
import type { Client } from './client.ts'
import { etagOf } from './drives.ts'
import { redfishFaults } from './faults.ts'
import { ComputerSystem, parseResource, Settings } from './resources.ts'

/** Property `Boot` of a system or of its settings resource. */
export type BootSettings = NonNullable<ComputerSystem['Boot']>

/** Body of a PATCH, below `Boot`. */
export type BootBody = Readonly<Record<string, string>>

/** Where the override is written: the system itself, or its settings resource. */
export interface Place {
  readonly uri: string
  readonly etag: string | undefined
  readonly boot: BootSettings
}

/** The override as a state shows it; undefined for a system without one. */
export const overrideOf = (boot: BootSettings | undefined): BmcState['bootOverride'] =>
  boot?.BootSourceOverrideEnabled === undefined
    ? undefined
    : { enabled: boot.BootSourceOverrideEnabled, target: boot.BootSourceOverrideTarget ?? '' }

/** Targets that the controller lists; undefined when it does not say. */
export const targetsOf = (boot: BootSettings): readonly string[] | undefined =>
  boot['BootSourceOverrideTarget@Redfish.AllowableValues']

/**
 * iDRAC 10 refuses the system and takes its settings resource, where the allowable values are too;
 * others publish one in which Boot does not stand (sushy notes idrac10-settings-resource and
 * check-for-boot-attrs-in-settingsuri): the one that has the property is the place. Throws
 * `redfish.boot` when there is none.
 */
export async function findPlace(
  client: Client,
  systemUri: string,
  signal: AbortSignal,
): Promise<Place> {
  const answer = await client.get(systemUri, signal)
  const system = parseResource(ComputerSystem, answer)
  const settingsUri = system['@Redfish.Settings']?.SettingsObject?.['@odata.id']
  if (settingsUri !== undefined) {
    const found = await client.look(settingsUri, signal)
    const settings = found.ok ? parseResource(Settings, found) : undefined
    if (settings?.Boot?.BootSourceOverrideEnabled !== undefined) {
      return { uri: settingsUri, etag: etagOf(found, settings['@odata.etag']), boot: settings.Boot }
    }
  }
  if (system.Boot) {
    return { uri: systemUri, etag: etagOf(answer, system['@odata.etag']), boot: system.Boot }
  }
  throw redfishFaults.boot(
    `The BMC ${client.host} shows no boot settings for ${systemUri}: a single boot from virtual media can not be set there.`,
  )
}

/** What to PATCH, best first; target before enabled, as iLO 4 wants it (bmclib redfishwrapper). */
export function onceBodies(
  rules: ControllerRules,
  boot: BootSettings,
  target: string,
): readonly BootBody[] {
  const pair = { BootSourceOverrideTarget: target, BootSourceOverrideEnabled: 'Once' }
  // Legacy is kept where the machine is set to it: a mode is never changed in passing.
  const triple = { ...pair, BootSourceOverrideMode: boot.BootSourceOverrideMode || 'UEFI' }
  if (rules.fullBootTriple) return [triple]
  // An Enabled that would not change is refused by some (ironic story 2007355).
  const alone =
    boot.BootSourceOverrideEnabled === 'Once' ? [{ BootSourceOverrideTarget: target }] : []
  return [pair, triple, ...alone]
}

/**
 * Disabled alone first, because iLO refuses the target None. sushy-tools 2.2.0 wants a target with it
 * and knows no None: the disk is what an override that is cleared would leave.
 */
export function clearBodies(boot: BootSettings): readonly BootBody[] {
  const off = { BootSourceOverrideEnabled: 'Disabled' }
  const allowed = targetsOf(boot) ?? ['None']
  const targets = ['None', 'Hdd'].filter((target) => allowed.includes(target))
  return [off, ...targets.map((target) => ({ BootSourceOverrideTarget: target, ...off }))]
}
