// SPDX-License-Identifier: AGPL-3.0-or-later
import { tagged } from './etag.ts'
import type { Manners } from './manners.ts'
import type { Resource } from './wire.ts'

const ROOT = '/redfish/v1'
const link = (uri: string) => ({ '@odata.id': uri })
const links = (uris: readonly string[]) => ({
  Members: uris.map(link),
  'Members@odata.count': uris.length,
})

/** A virtual drive of a written tree. Without actions it takes no order of the standard. */
export interface WrittenDrive {
  readonly uri: string
  readonly id: string
  readonly mediaTypes: readonly string[]
  /** Names of the standard's actions that it lists. */
  readonly actions: readonly ('InsertMedia' | 'EjectMedia')[]
  /** Laid over the resource. */
  readonly more?: Resource
}

/** What of a controller is told by its sources; everything else is the standard's least. */
export interface WrittenController {
  readonly redfishVersion: string
  /** As in the manners: each resource begins with one. */
  readonly etags?: Manners['etags']
  /** Of the service root; undefined: it tells none. */
  readonly vendor?: string
  readonly product?: string
  readonly system: {
    readonly uri: string
    readonly manufacturer: string
    readonly model: string
    readonly serial: string
    readonly bootTargets: readonly string[]
    readonly resetTypes: readonly string[]
    readonly more?: Resource
  }
  readonly manager: {
    readonly uri: string
    readonly model: string
    readonly firmware: string
    readonly more?: Resource
  }
  readonly drives: readonly WrittenDrive[]
  /** Collections of drives, first one the system's where `system` owns it. */
  readonly media: {
    readonly uri: string
    readonly owner: 'system' | 'manager'
    readonly more?: Resource
  }[]
  readonly rootMore?: Resource
  /** Further resources, by path. */
  readonly others?: Readonly<Record<string, Resource>>
}

/** Everything but path and type, so that no property is said by us that no source says. */
const resource = (uri: string, type: string, body: Resource): [string, Resource] => [
  uri,
  { '@odata.id': uri, '@odata.type': type, ...body },
]

function driveResource({ uri, id, mediaTypes, actions, more }: WrittenDrive): [string, Resource] {
  const Actions = Object.fromEntries(
    actions.map((name) => [
      `#VirtualMedia.${name}`,
      { target: `${uri}/Actions/VirtualMedia.${name}` },
    ]),
  )
  return resource(uri, '#VirtualMedia.v1_2_0.VirtualMedia', {
    ...{ Id: id, Name: `Virtual drive ${id}`, MediaTypes: mediaTypes },
    ...{ Image: null, ImageName: null, Inserted: false, ConnectedVia: 'NotConnected' },
    ...(actions.length > 0 && { Actions }),
    ...more,
  })
}

/** A v5 UUID in form, of the serial: each unit has one, and the same each time. */
function uuidOf(serial: string): string {
  const hash = new Bun.CryptoHasher('sha256').update(serial).digest('hex')
  return hash.replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*$/, '$1-$2-5$3-8$4-$5')
}

function systemResource({ system, manager, media }: WrittenController): [string, Resource] {
  const { uri, manufacturer, model, serial, bootTargets, resetTypes, more } = system
  const own = media.find(({ owner }) => owner === 'system')
  return resource(uri, '#ComputerSystem.v1_13_0.ComputerSystem', {
    ...{ Id: uri.split('/').at(-1), Name: 'System', Manufacturer: manufacturer, Model: model },
    ...{ SerialNumber: serial, UUID: uuidOf(`${model} ${serial}`), PowerState: 'On' },
    MemorySummary: { TotalSystemMemoryGiB: 64 },
    ProcessorSummary: { Count: 2 },
    Boot: {
      BootSourceOverrideEnabled: 'Disabled',
      BootSourceOverrideMode: 'UEFI',
      BootSourceOverrideTarget: 'None',
      'BootSourceOverrideTarget@Redfish.AllowableValues': bootTargets,
    },
    ...(own && { VirtualMedia: link(own.uri) }),
    Links: { ManagedBy: [link(manager.uri)] },
    Actions: {
      '#ComputerSystem.Reset': {
        target: `${uri}/Actions/ComputerSystem.Reset`,
        'ResetType@Redfish.AllowableValues': resetTypes,
      },
    },
    ...more,
  })
}

function managerResource({ manager, media }: WrittenController): [string, Resource] {
  const { uri, model, firmware, more } = manager
  const own = media.find(({ owner }) => owner === 'manager')
  return resource(uri, '#Manager.v1_3_0.Manager', {
    ...{ Id: uri.split('/').at(-1), Name: 'Manager', Model: model, FirmwareVersion: firmware },
    DateTime: '2026-11-22T10:00:00Z',
    ...(own && { VirtualMedia: link(own.uri) }),
    ...more,
  })
}

function services(controller: WrittenController): [string, Resource][] {
  const { redfishVersion, vendor, product, system, manager, rootMore } = controller
  const sessions = `${ROOT}/SessionService/Sessions`
  const root = {
    ...{ Id: 'RootService', Name: 'Root Service', RedfishVersion: redfishVersion },
    ...(vendor !== undefined && { Vendor: vendor }),
    ...(product !== undefined && { Product: product }),
    Systems: link(`${ROOT}/Systems`),
    Managers: link(`${ROOT}/Managers`),
    SessionService: link(`${ROOT}/SessionService`),
    Tasks: link(`${ROOT}/TaskService`),
    Links: { Sessions: link(sessions) },
    ...rootMore,
  }
  const collection = (uri: string, kind: string, members: readonly string[]) =>
    resource(uri, `#${kind}.${kind}`, { Name: kind, ...links(members) })
  return [
    ['/redfish', { v1: `${ROOT}/` }],
    resource(ROOT, '#ServiceRoot.v1_5_0.ServiceRoot', root),
    collection(`${ROOT}/Systems`, 'ComputerSystemCollection', [system.uri]),
    collection(`${ROOT}/Managers`, 'ManagerCollection', [manager.uri]),
    resource(`${ROOT}/SessionService`, '#SessionService.v1_1_0.SessionService', {
      ...{ Id: 'SessionService', Name: 'Session Service', Sessions: link(sessions) },
    }),
    collection(sessions, 'SessionCollection', []),
    resource(`${ROOT}/TaskService`, '#TaskService.v1_1_0.TaskService', {
      ...{ Id: 'TaskService', Name: 'Task Service', Tasks: link(`${ROOT}/TaskService/Tasks`) },
    }),
    collection(`${ROOT}/TaskService/Tasks`, 'TaskCollection', []),
  ]
}

/**
 * The tree of a controller of which there is no capture: the least that the standard asks for, and
 * what a named source says. Not what such a controller really answers.
 */
export function writtenTree(controller: WrittenController): Readonly<Record<string, Resource>> {
  const { drives, media, others = {}, etags = 'none' } = controller
  const members = (uri: string) =>
    drives.flatMap((drive) => (drive.uri.startsWith(`${uri}/`) ? [drive.uri] : []))
  const all = [
    ...services(controller),
    systemResource(controller),
    managerResource(controller),
    ...media.map(({ uri, more }) =>
      resource(uri, '#VirtualMediaCollection.VirtualMediaCollection', {
        ...{ Name: 'Virtual media', ...links(members(uri)) },
        ...more,
      }),
    ),
    ...drives.map(driveResource),
    ...Object.entries(others).map(([uri, body]) => [uri, { '@odata.id': uri, ...body }] as const),
  ]
  return Object.fromEntries(
    all.map(([uri, body]) => [uri, tagged(body, undefined, { etags })] as const),
  )
}
