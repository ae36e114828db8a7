// SPDX-License-Identifier: AGPL-3.0-or-later
import { HOUR, MINUTE } from '../../core/units.ts'
import type { Drive } from './drive.ts'
import { tagged } from './etag.ts'
import type { Manners } from './manners.ts'
import { type Override, showOverride } from './override.ts'
import type { Session, Sessions } from './sessions.ts'
import type { Tasks } from './tasks.ts'
import { type Resource, text } from './wire.ts'

/** Paths that are the same at every controller we know. */
export const ROOT = '/redfish/v1'
export const SESSIONS = `${ROOT}/SessionService/Sessions`
const TASKS = `${ROOT}/TaskService/Tasks`

/** What the resources are made from. */
export interface TreeParts {
  readonly manners: Manners
  /** The captured tree, with this machine's own serial and UUID in it. */
  readonly captured: ReadonlyMap<string, Resource>
  readonly systemUri: string
  readonly drives: readonly Drive[]
  readonly sessions: Sessions
  readonly tasks: Tasks
  /** What OEM orders changed, by path. */
  readonly amended: ReadonlyMap<string, Resource>
  readonly machine: {
    readonly power: string
    readonly override: Override
    readonly bootsNext: string | undefined
  }
  /** Unix ms: the controller's clock. */
  readonly now: () => number
}

/** The resources as they are now: captured, but for what has a state. */
export class Tree {
  readonly #parts: TreeParts

  constructor(parts: TreeParts) {
    this.#parts = parts
  }

  /** The resource at a path without trailing slash. Reading a drive lets a stale view age. */
  read(path: string): Resource | undefined {
    const { captured, manners } = this.#parts
    const drive = this.#parts.drives.find((each) => each.uri === path)
    const shown = drive && !this.#hides(path) ? drive.read() : undefined
    const present = drive ? shown : this.#stateful(path)
    return present && ticking(tagged(present, captured.get(path), manners), this.#parts.now())
  }

  has(path: string): boolean {
    if (this.#hides(path)) return false
    return this.#parts.captured.has(path) || this.#stateful(path) !== undefined
  }

  /** An empty drive of a family that shows only what is mounted. */
  #hides(path: string): boolean {
    const { manners, drives } = this.#parts
    const drive = drives.find((each) => each.uri === path)
    if (!drive) return false
    if (manners.drivesListedOnly && !this.#isListed(path)) return true
    return manners.drivesHiddenWhileEmpty && !drive.occupied
  }

  #isListed(path: string): boolean {
    const { captured, amended } = this.#parts
    const collection = path.replace(/\/[^/]+$/, '')
    const { Members } = { ...captured.get(collection), ...amended.get(collection) } as Resource
    return Array.isArray(Members) && Members.some((link) => text(link, '@odata.id') === path)
  }

  /** A collection without the members that are not there now. */
  #listed(resource: Resource): Resource {
    const list = resource['Members']
    if (!this.#parts.manners.drivesHiddenWhileEmpty || !Array.isArray(list)) return resource
    const Members = list.filter((link) => !this.#hides(text(link, '@odata.id')))
    return { ...resource, Members, 'Members@odata.count': Members.length }
  }

  session(path: string): Session | undefined {
    if (!path.startsWith(`${SESSIONS}/`)) return undefined
    return this.#parts.sessions.list().find(({ id }) => path === `${SESSIONS}/${id}`)
  }

  #stateful(path: string): Resource | undefined {
    const { captured, amended, manners, machine, sessions, tasks, systemUri } = this.#parts
    const original = captured.get(path)
    const sight = { drives: this.#parts.drives, bootNext: machine.bootsNext }
    const shown = manners.shows[path]?.(sight)
    const resource = original && { ...original, ...amended.get(path), ...shown }
    const uris = (list: readonly { id: string }[]) => list.map(({ id }) => `${path}/${id}`)
    if (path === SESSIONS) return collection(resource, uris(sessions.list()))
    if (path === TASKS) return collection(resource, uris(tasks.list()))
    if (!resource) {
      const session = this.session(path)
      return session ? sessionView(session) : tasks.resource(path)
    }
    if (path !== systemUri && path !== manners.bootAt) return this.#listed(resource)
    const Boot = showOverride(resource, machine.override, manners)
    return path === systemUri
      ? { ...resource, Boot, PowerState: machine.power }
      : { ...resource, Boot }
  }
}

/** The clock of managers and services goes on, in its captured time zone; their ETags do not. */
function ticking(resource: Resource, now: number): Resource {
  const captured = text(resource, 'DateTime')
  if (captured === '') return resource
  const [zone = 'Z', sign, hours, minutes] = /([+-])(\d\d):(\d\d)$/.exec(captured) ?? []
  const offset =
    (Number(hours ?? 0) * HOUR + Number(minutes ?? 0) * MINUTE) * (sign === '-' ? -1 : 1)
  const local = new Date(now + offset).toISOString().slice(0, '2026-11-22T10:00:00'.length)
  return { ...resource, DateTime: `${local}${zone}` }
}

function collection(captured: Resource = {}, uris: readonly string[]): Resource {
  const Members = uris.map((uri) => ({ '@odata.id': uri }))
  return { ...captured, Members, 'Members@odata.count': uris.length }
}

/** The Session resource; the token is told only once, in a header of the login's answer. */
export function sessionView({ id, userName }: Session): Resource {
  return {
    '@odata.type': '#Session.v1_3_0.Session',
    '@odata.id': `${SESSIONS}/${id}`,
    Id: id,
    Name: 'User Session',
    UserName: userName,
  }
}
