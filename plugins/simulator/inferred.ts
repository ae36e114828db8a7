// SPDX-License-Identifier: AGPL-3.0-or-later
import { type Manners, standard } from './manners.ts'
import { driveByPatch } from './patch-drive.ts'
import type { Personality } from './personality.ts'
import { isResource, part, type Resource, text, texts } from './wire.ts'

/** A tree, by path. */
type Tree = Readonly<Record<string, unknown>>

const resourcesOf = (tree: Tree) =>
  Object.entries(tree).filter((entry): entry is [string, Resource] => isResource(entry[1]))

const isKind = (resource: Resource, kind: string) =>
  text(resource, '@odata.type').startsWith(`#${kind}.`)

const drivesOf = (tree: Tree) =>
  resourcesOf(tree).filter(([, resource]) => isKind(resource, 'VirtualMedia'))

/** Matches one of the paths and nothing else. */
const oneOf = (paths: readonly string[]): RegExp =>
  new RegExp(`^(${paths.map((path) => path.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('|')})$`)

const hasKind = (drive: Resource, ...kinds: readonly string[]) => {
  const types = texts(drive, 'MediaTypes') ?? []
  return types.length === 0 || kinds.some((kind) => types.includes(kind))
}

/** Whatever the system says can boot from a CD does so from the drives that take one. */
function bootsOf(tree: Tree, system: Resource): Manners['boots'] {
  const among = (...kinds: readonly string[]) =>
    drivesOf(tree).flatMap(([path, drive]) => (hasKind(drive, ...kinds) ? [path] : []))
  const targets = texts(part(system, 'Boot'), 'BootSourceOverrideTarget@Redfish.AllowableValues')
  const [cds, sticks] = [among('CD', 'DVD'), among('USBStick')]
  const table = { Cd: cds, UsbCd: cds, Usb: sticks }
  return Object.fromEntries(
    Object.entries(table).flatMap(([target, paths]) =>
      paths.length > 0 && (targets ?? ['Cd']).includes(target) ? [[target, [oneOf(paths)]]] : [],
    ),
  )
}

function etagsOf(tree: Tree): Manners['etags'] {
  const tags = resourcesOf(tree).map(([, resource]) => text(resource, '@odata.etag'))
  if (tags.every((tag) => tag === '')) return 'none'
  return tags.some((tag) => tag.startsWith('W/')) ? 'weak' : 'strong'
}

/** What the system's DMI would say: some show no serial at all (GB200, sushy-tools). */
const serialAt = (system: Resource): Manners['serialAt'] =>
  text(system, 'SerialNumber') === '' ? 'UUID' : 'SerialNumber'

/** Where the settings resource has Boot, it is the place to write it. */
function bootAtOf(tree: Tree, system: Resource): string | undefined {
  const settings = part(part(system, '@Redfish.Settings'), 'SettingsObject')
  const path = text(settings, '@odata.id')
  const resource = tree[path]
  const boot = isResource(resource) ? part(resource, 'Boot') : {}
  return 'BootSourceOverrideEnabled' in boot ? path : undefined
}

/** Drives without an action whose `Allow` had PATCH. */
function patchable(tree: Tree, allow: Resource): readonly string[] {
  return drivesOf(tree).flatMap(([path, drive]) => {
    const hasAction = '#VirtualMedia.InsertMedia' in part(drive, 'Actions')
    return !hasAction && /PATCH/i.test(text(allow, path)) ? [path] : []
  })
}

/** The standard's manners, but for what the tree itself shows. */
function inferredManners(tree: Tree, about: Resource, system: Resource): Manners {
  const etags = etagsOf(tree)
  return {
    ...standard,
    title: [text(system, 'Manufacturer'), text(system, 'Model')].filter(Boolean).join(' '),
    serialAt: serialAt(system),
    slash: about['slash'] === 'redirect' ? 'redirect' : 'either',
    etags,
    ifMatch: etags === 'none' ? 'ignored' : 'checked',
    boots: bootsOf(tree, system),
    bootAt: bootAtOf(tree, system),
    oem: patchable(tree, part(about, 'allow')).map(driveByPatch),
  }
}

/** Does the family show its drives only at times? Then a capture may lack them. */
const hidesDrives = ({ manners }: Personality) =>
  manners.drivesHiddenWhileEmpty || manners.drivesListedOnly

/** The same drives at the same places, of a system at the same place: no other family has them so. */
function isKin(tree: Tree, systemUri: string, kin: Personality): boolean {
  const { resources } = kin
  const told = (each: Tree, key: string) => text(part(each, '/redfish/v1'), key)
  const drives = (each: Tree) => drivesOf(each).map(([path]) => path)
  const [own, its] = [drives(tree), new Set(drives(resources))]
  return (
    ['Vendor', 'Product'].every((key) => told(tree, key) === told(resources, key)) &&
    isResource(resources[systemUri]) &&
    own.every((path) => its.has(path)) &&
    (own.length === its.size || hidesDrives(kin)) &&
    firmwareOf(tree) === firmwareOf(resources)
  )
}

/** Drives that the capture lacks because they were not shown, with the lists that name them. */
function lentDrives(kin: Personality): Tree {
  if (!hidesDrives(kin)) return {}
  const drives = drivesOf(kin.resources)
  if (kin.manners.drivesListedOnly) return Object.fromEntries(drives)
  const lists = drives.map(([path]) => path.replace(/\/[^/]+$/, ''))
  return Object.fromEntries([
    ...drives,
    ...lists.map((path) => [path, kin.resources[path]] as const),
  ])
}

const firmwareOf = (tree: Tree) =>
  resourcesOf(tree)
    .filter(([, resource]) => isKind(resource, 'Manager'))
    .map(([path, resource]) => `${path} ${text(resource, 'FirmwareVersion')}`)
    .sort()
    .join()

/**
 * A captured tree as a personality. A family that we know lends it the manners that no resource shows;
 * for every other they are the standard's. Undefined when the tree is none of a controller.
 */
export function personalityOf(
  document: Tree,
  known: readonly Personality[],
): Personality | undefined {
  const { '#capture': about, ...tree } = document
  const told = isResource(about) ? about : {}
  const systems = resourcesOf(tree).filter(([, resource]) => isKind(resource, 'ComputerSystem'))
  const wanted = text(told, 'systemUri')
  const [systemUri, system] = systems.find(([path]) => path === wanted) ?? systems[0] ?? []
  if (!systemUri || !system || !isResource(tree['/redfish/v1'])) return undefined
  const kin = known.find((each) => isKin(tree, systemUri, each))
  return {
    manners: kin?.manners ?? inferredManners(tree, told, system),
    resources: { ...tree, ...(kin && lentDrives(kin)) },
    systemUri,
  }
}
