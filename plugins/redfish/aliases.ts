// SPDX-License-Identifier: AGPL-3.0-or-later
import type { ControllerProfile } from '../../core/jobs/controller.ts'
import { isPlaceholder } from '../../core/machines/names.ts'
import type { Client } from './client.ts'
import { Chassis, type ComputerSystem, parseResource } from './resources.ts'

/** The name, unless a factory left it for one. */
export const realName = (name: string | undefined): string | undefined =>
  name === undefined || isPlaceholder(name) ? undefined : name

/** Serials of the chassis, only where the chassis holds this one system: others would share them. */
async function chassisSerials(
  client: Client,
  system: ComputerSystem,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const uris = system.Links?.Chassis ?? []
  const serials = uris.slice(0, 4).map(async (uri) => {
    const answer = await client.look(uri, signal)
    if (!answer.ok) return undefined
    const chassis = parseResource(Chassis, answer)
    return chassis.Links?.ComputerSystems?.length === 1 ? chassis.SerialNumber : undefined
  })
  return (await Promise.all(serials)).flatMap((name) => realName(name) ?? [])
}

/** What else names this unit. `SKU` is a model number, except where the profile says otherwise. */
export async function aliasesOf(
  client: Client,
  system: ComputerSystem,
  profile: ControllerProfile,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const names = [
    system.UUID,
    profile.rules.skuIsSerial ? system.SKU : undefined,
    ...(await chassisSerials(client, system, signal)),
  ].flatMap((name) => realName(name) ?? [])
  return [...new Set(names)].filter((name) => name !== system.SerialNumber)
}
