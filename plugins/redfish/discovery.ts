// SPDX-License-Identifier: AGPL-3.0-or-later
import type * as v from 'valibot'
import type { ControllerIdentity } from '../../core/jobs/controller.ts'
import type { Client } from './client.ts'
import { membersOf } from './collection.ts'
import { redfishFaults } from './faults.ts'
import { ComputerSystem, Manager, parseResource, type ServiceRoot } from './resources.ts'

type Root = v.InferOutput<typeof ServiceRoot>

/** What was found behind the service root, by following links. */
export interface Finding {
  readonly systemUri: string
  readonly managerUris: readonly string[]
  readonly identity: ControllerIdentity
}

/** The machine's system, or the only one there is. */
async function chooseSystem(
  client: Client,
  root: Root,
  wanted: string | undefined,
  signal: AbortSignal,
): Promise<string> {
  if (wanted !== undefined) return wanted
  const collection = root.Systems?.['@odata.id']
  const systems = collection ? await membersOf(client, collection, signal) : []
  const [only, ...others] = systems
  if (only === undefined)
    throw redfishFaults.system(
      `The BMC ${client.host} shows no ComputerSystem: is this the address of a server's controller?`,
    )
  if (others.length > 0)
    throw redfishFaults.system(
      `The BMC ${client.host} carries ${systems.length} systems (${systems.join(', ')}): set the machine's system to one of them.`,
    )
  return only
}

/** The managers that the system names; some Huawei name none, then all of the BMC (sushy system.py:668). */
async function managersOf(
  client: Client,
  root: Root,
  system: ComputerSystem,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const named = system.Links?.ManagedBy ?? []
  if (named.length > 0) return [...new Set(named)]
  const collection = root.Managers?.['@odata.id']
  return collection ? membersOf(client, collection, signal) : []
}

const keys = (value: Readonly<Record<string, unknown>> | undefined) => Object.keys(value ?? {})

/** What is known of a controller; of its service root alone when nothing else is given. */
export function identityOf(
  root: Root,
  system: ComputerSystem | undefined,
  managers: readonly Manager[],
): ControllerIdentity {
  const first = managers[0]
  return {
    vendor: root.Vendor || system?.Manufacturer || first?.Manufacturer || '',
    product: root.Product ?? '',
    redfishVersion: root.RedfishVersion ?? '',
    systemManufacturer: system?.Manufacturer ?? '',
    systemModel: system?.Model ?? '',
    managerModel: first?.Model ?? '',
    managerFirmware: first?.FirmwareVersion ?? '',
    oem: [
      ...new Set([
        ...keys(root.Oem),
        ...keys(system?.Oem),
        ...managers.flatMap((manager) => keys(manager.Oem)),
      ]),
    ],
  }
}

/** Finds system and managers. Throws `redfish.system` when it is not clear which system is meant. */
export async function discover(
  client: Client,
  root: Root,
  wanted: string | undefined,
  signal: AbortSignal,
): Promise<Finding> {
  const systemUri = await chooseSystem(client, root, wanted, signal)
  const system = parseResource(ComputerSystem, await client.get(systemUri, signal))
  const managerUris = await managersOf(client, root, system, signal)
  const managers = await Promise.all(
    managerUris.map(async (uri) => parseResource(Manager, await client.get(uri, signal))),
  )
  return { systemUri, managerUris, identity: identityOf(root, system, managers) }
}
