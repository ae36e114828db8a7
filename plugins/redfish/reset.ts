// SPDX-License-Identifier: AGPL-3.0-or-later
import type { PowerState } from '../../core/jobs/bmc.ts'
import type { Answer } from './answer.ts'
import type { Client } from './client.ts'
import type { InfoReader } from './drives.ts'
import { redfishFaults } from './faults.ts'
import type { ComputerSystem } from './resources.ts'

const STATES: readonly PowerState[] = ['On', 'Off', 'PoweringOn', 'PoweringOff']

/** `Unknown` for null, `Paused` and what else a controller may write. */
export const powerStateOf = (system: ComputerSystem): PowerState =>
  STATES.find((state) => state === system.PowerState) ?? 'Unknown'

/**
 * What the Reset action takes; undefined when the controller does not say. Both lists count: either
 * may be broken (Supermicro 1.14.0 runs two values into one, bmclib smc_1.14.0_systems_1).
 */
export async function resetTypesOf(
  system: ComputerSystem,
  info: InfoReader,
  signal: AbortSignal,
): Promise<readonly string[] | undefined> {
  const action = system.Actions?.['#ComputerSystem.Reset']
  const infoUri = action?.['@Redfish.ActionInfo']
  const parameters = infoUri ? (await info(infoUri, signal)).Parameters : []
  const types = [
    ...(action?.['ResetType@Redfish.AllowableValues'] ?? []),
    ...(parameters.find(({ Name }) => Name === 'ResetType')?.AllowableValues ?? []),
  ]
  return types.length > 0 ? types : undefined
}

/**
 * Sends the first of `types` that the controller lists, and returns its answer. Throws
 * `redfish.power` when it lists none of them; a graceful one, which may never end, is no substitute.
 */
export async function reset(
  { client, info }: { readonly client: Client; readonly info: InfoReader },
  system: ComputerSystem,
  types: readonly string[],
  signal: AbortSignal,
): Promise<Answer> {
  const target = system.Actions?.['#ComputerSystem.Reset']?.target
  const allowed = await resetTypesOf(system, info, signal)
  const type = allowed ? types.find((one) => allowed.includes(one)) : types[0]
  if (!target || !type)
    throw redfishFaults.power(
      `The BMC ${client.host} offers no reset of type ${types.join(' or ')}${allowed ? `, only ${allowed.join(', ')}` : ''}.`,
    )
  return client.send('POST', target, signal, { body: { ResetType: type } })
}
