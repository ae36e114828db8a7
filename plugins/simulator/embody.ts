// SPDX-License-Identifier: AGPL-3.0-or-later
import { isCaptureFile, readCapture } from './capture-file.ts'
import { simulatorFaults } from './faults.ts'
import type { Manners } from './manners.ts'
import { personalities } from './personalities.ts'
import { isResource, type Resource, text } from './wire.ts'

/** One of each of the three large vendors: what a simulator starts when nothing is asked for. */
export const usualNames: readonly string[] = ['dell-r750', 'supermicro-x13', 'hpe-dl360']

/** Names that `--machine` takes. */
export const personalityNames: readonly string[] = Object.keys(personalities)

/** A personality made into one machine of its own. */
export interface Embodiment {
  readonly manners: Manners
  readonly resources: ReadonlyMap<string, Resource>
  readonly systemUri: string
  /** As the machine's DMI and an operator know it. */
  readonly serial: string
  readonly uuid: string
}

/**
 * The captured tree as it stands, or, when another serial is wanted, with serials and UUIDs of a
 * unit of its own wherever the captured ones stand. A name may be the path of a capture. Throws
 * `simulator.unknown-personality`, `simulator.capture`.
 */
export function embody(name: string, serial: string | undefined): Embodiment {
  const personality = isCaptureFile(name)
    ? readCapture(name, Object.values(personalities))
    : personalities[name]
  if (!personality) {
    const known = personalityNames.join(', ')
    throw simulatorFaults.unknownPersonality(`there is no personality ${name}: take ${known}`)
  }
  const { manners } = personality
  const captured = new Map(Object.entries(personality.resources).filter(isEntryOfResource))
  const [systemUri = '', system = {}] =
    [...captured].find(
      ([path, each]) => isSystem([path, each]) && path === (personality.systemUri ?? path),
    ) ?? []
  const own = text(system, manners.serialAt)
  const uuid = text(system, 'UUID')
  if (serial === undefined || serial === own) {
    return { manners, resources: captured, systemUri, serial: own, uuid }
  }
  const names = unitNames(personality.resources, `${name} ${serial}`).set(own, serial)
  const resources = new Map([...captured].map(([path, each]) => [path, renamed(each, names)]))
  return { manners, resources, systemUri, serial, uuid: names.get(uuid) ?? uuid }
}

const isEntryOfResource = (entry: [string, unknown]): entry is [string, Resource] =>
  isResource(entry[1])

const isSystem = ([, each]: [string, Resource]) =>
  text(each, '@odata.type').startsWith('#ComputerSystem.v')

/** Captured serials and UUIDs, of system, chassis, manager and parts → those of another unit. */
function unitNames(tree: unknown, unit: string): Map<string, string> {
  const names = new Map<string, string>()
  JSON.stringify(tree, (key, value: unknown) => {
    if (typeof value !== 'string' || value === '') return value
    const hash = new Bun.CryptoHasher('sha256').update(`${unit} ${value}`).digest('hex')
    if (key === 'UUID') names.set(value, uuidOf(hash))
    if (key === 'SerialNumber') names.set(value, `SIM${hash.slice(0, 11).toUpperCase()}`)
    return value
  })
  return names
}

/** Version 4 by its form (RFC 9562 §5.4), and the same for the same hash. */
const uuidOf = (hash: string) =>
  hash.replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*$/, '$1-$2-4$3-8$4-$5')

/** A copy in which every text that is a key of `names` is its value. */
function renamed(resource: Resource, names: ReadonlyMap<string, string>): Resource {
  return JSON.parse(JSON.stringify(resource), (_, value: unknown) =>
    typeof value === 'string' ? (names.get(value) ?? value) : value,
  )
}
