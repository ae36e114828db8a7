// SPDX-License-Identifier: AGPL-3.0-or-later
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Behaviour, Heard, Reply } from './scripted.ts'

export type Resource = Record<string, unknown>
/** Resources by URI, without a slash at the end. Tests change them as they go. */
export type ResourceTree = Map<string, Resource>

const FIXTURES = join(import.meta.dir, '../fixtures')

/** What a real controller answered, from `test/fixtures/<set>`. */
export function capturedTree(set: string): ResourceTree {
  const root = join(FIXTURES, set)
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' })
  return new Map(
    files
      .filter((file) => file.endsWith('index.json'))
      .map((file) => [
        `/${dirname(file)}`,
        JSON.parse(readFileSync(join(root, file), 'utf8')) as Resource,
      ]),
  )
}

const link = (uri: string) => ({ '@odata.id': uri })
const drive = (id: string, mediaTypes: readonly string[]): [string, Resource] => [
  `/redfish/v1/Managers/M/VirtualMedia/${id}`,
  {
    Id: id,
    MediaTypes: mediaTypes,
    Image: null,
    Inserted: false,
    ConnectedVia: 'NotConnected',
    Actions: {
      '#VirtualMedia.InsertMedia': { target: `/redfish/v1/Managers/M/VirtualMedia/${id}/insert` },
      '#VirtualMedia.EjectMedia': { target: `/redfish/v1/Managers/M/VirtualMedia/${id}/eject` },
    },
  },
]

/** The smallest controller that can do everything we ask: one system, one manager, two CD drives. */
export function smallTree(): ResourceTree {
  return new Map<string, Resource>([
    [
      '/redfish/v1',
      {
        RedfishVersion: '1.13.0',
        Vendor: 'Example',
        Systems: link('/redfish/v1/Systems'),
        Managers: link('/redfish/v1/Managers'),
        Links: { Sessions: link('/redfish/v1/SessionService/Sessions') },
      },
    ],
    ['/redfish/v1/Systems', { Members: [link('/redfish/v1/Systems/S')] }],
    [
      '/redfish/v1/Systems/S',
      {
        SerialNumber: 'SER-1',
        UUID: '4c4c4544-0035-3410-8050-c6c04f314733',
        PowerState: 'On',
        Boot: {
          BootSourceOverrideEnabled: 'Disabled',
          BootSourceOverrideMode: 'UEFI',
          BootSourceOverrideTarget: 'None',
          'BootSourceOverrideTarget@Redfish.AllowableValues': ['None', 'Cd', 'Hdd'],
        },
        Links: { ManagedBy: [link('/redfish/v1/Managers/M')] },
        Actions: {
          '#ComputerSystem.Reset': {
            target: '/redfish/v1/Systems/S/reset',
            'ResetType@Redfish.AllowableValues': ['On', 'ForceOff', 'ForceRestart'],
          },
        },
      },
    ],
    ['/redfish/v1/Managers', { Members: [link('/redfish/v1/Managers/M')] }],
    [
      '/redfish/v1/Managers/M',
      { FirmwareVersion: '1.0', VirtualMedia: link('/redfish/v1/Managers/M/VirtualMedia') },
    ],
    [
      '/redfish/v1/Managers/M/VirtualMedia',
      {
        Members: [
          link('/redfish/v1/Managers/M/VirtualMedia/A'),
          link('/redfish/v1/Managers/M/VirtualMedia/B'),
        ],
      },
    ],
    drive('A', ['CD', 'DVD']),
    drive('B', ['CD', 'DVD']),
  ])
}

/** The resource at `uri`; throws when the tree has none, so that a typing error is no silent pass. */
export function at(tree: ResourceTree, uri: string): Resource {
  const found = tree.get(uri)
  if (!found) throw new Error(`no ${uri} in the tree`)
  return found
}

/** Answers of a test, by `METHOD /path`; undefined leaves the request to the tree. */
export type Overrides = Readonly<
  Record<string, (heard: Heard) => ReturnType<Behaviour> | undefined>
>

const SESSIONS = '/redfish/v1/SessionService/Sessions'

function defaults(tree: ResourceTree, heard: Heard): Reply {
  const path = heard.path.replace(/(?<=.)\/$/, '')
  if (heard.method === 'POST' && path === SESSIONS)
    return { status: 201, headers: { 'X-Auth-Token': 'token-1', Location: `${SESSIONS}/1` } }
  if (heard.method === 'DELETE' && path.startsWith(SESSIONS)) return { status: 204 }
  const resource = tree.get(path)
  if (!resource) return { status: 404, body: {} }
  if (heard.method === 'GET') return { body: { '@odata.id': path, ...resource } }
  return { status: 405, body: {} }
}

/** A BMC over a tree: it lets everyone in, answers GETs, and for the rest does what the test says. */
export const treeBehaviour =
  (tree: ResourceTree, overrides: Overrides = {}): Behaviour =>
  (heard) =>
    overrides[`${heard.method} ${heard.path}`]?.(heard) ?? defaults(tree, heard)
