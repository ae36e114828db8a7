// SPDX-License-Identifier: AGPL-3.0-or-later
import { recipeFaults } from '../../core/faults.ts'
import type { Network } from '../../schemas/recipe-network.ts'
import type { LinuxRecipe } from './recipe.ts'

/** `/user-data` and `/network-config`, as cloud-init's NoCloud source takes them. Same recipe, same bytes. */
export function linuxFiles(recipe: LinuxRecipe): ReadonlyMap<string, Uint8Array> {
  const { user_data, network } = recipe
  const files = new Map<string, Uint8Array>()
  const encoder = new TextEncoder()
  if (user_data !== undefined) {
    if (typeof user_data !== 'string') {
      throw recipeFaults.unsupported(
        'user_data is still a reference; enable the plugin `payloads`, which replaces it by its text',
      )
    }
    files.set('/user-data', encoder.encode(user_data))
  }
  if (network) files.set('/network-config', encoder.encode(networkConfig(network)))
  return files
}

/** Netplan version 2 in JSON, which is YAML as well; names sorted, MACs in lower case as Linux shows them. */
function networkConfig(network: Network): string {
  const ethernets = Object.fromEntries(
    Object.entries(network.ethernets).map(([name, one]) => [
      name,
      { ...one, match: { macaddress: one.match.macaddress.toLowerCase() } },
    ]),
  )
  return `${JSON.stringify(sorted({ ...network, ethernets }), null, 2)}\n`
}

/** The same value with the names of every object in order. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(entries.map(([name, member]) => [name, sorted(member)]))
}
