// SPDX-License-Identifier: AGPL-3.0-or-later
import { type ActionParts, actionAt, createDesk, objectOf } from './actions.ts'
import { checkPrecondition } from './etag.ts'
import type { OemDesk } from './oem.ts'
import { type Override, patchOverride } from './override.ts'
import { answerOf, Refusal } from './refusal.ts'
import { ROOT, SESSIONS, sessionView, Tree, type TreeParts } from './tree.ts'
import { type Answer, type Asked, isResource, type Resource, text } from './wire.ts'

/** Reachable without login: DSP0266, "Service root", "Protocol version", "OData service document". */
const OPEN = new Set(['/redfish', ROOT, `${ROOT}/odata`])

/** The machine as its controller sees it. */
export type MachineSide = TreeParts['machine'] &
  ActionParts['machine'] & {
    override: Override
    /** In the firmware's self test, before anything boots. */
    readonly inPost: boolean
  }

/** What a controller is made of; the machine behind it is somebody else's. */
export type ControllerParts = Omit<TreeParts, 'amended'> &
  ActionParts & { readonly machine: MachineSide }

/** A Redfish service over a captured tree. It holds no vendor's name: departures are manners. */
export class Controller {
  readonly #parts: ControllerParts
  readonly #tree: Tree
  readonly #desk: OemDesk

  constructor(parts: ControllerParts) {
    const amended = new Map<string, Resource>()
    const tree = new Tree({ ...parts, amended })
    this.#parts = parts
    this.#tree = tree
    this.#desk = createDesk(parts, {
      present: (path) => tree.read(path) ?? {},
      amend: (path, members) => void amended.set(path, { ...amended.get(path), ...members }),
    })
  }

  async handle(asked: Asked): Promise<Answer> {
    try {
      return await this.#route(asked)
    } catch (error) {
      if (error instanceof Refusal) return answerOf(error, this.#parts.manners)
      throw error
    }
  }

  async #route(asked: Asked): Promise<Answer> {
    const path = asked.path.replace(/(?<=.)\/+$/, '')
    const login = asked.method === 'POST' && path === SESSIONS
    if (!OPEN.has(path) && !login) this.#parts.sessions.admit(asked)
    const methods = this.#methods(path)
    if (!methods) throw new Refusal('missing', [path])
    const headers = { Allow: methods.join(', ') }
    if (asked.method === 'OPTIONS') return { status: 204, headers }
    if (!methods.includes(asked.method)) throw new Refusal('method', [], headers)
    const answer = await this.#serve(path, asked)
    return { ...answer, headers: { ...headers, ...answer.headers } }
  }

  /** Methods that a path takes; undefined when nothing is there. */
  #methods(path: string): readonly string[] | undefined {
    if (path === SESSIONS) return ['GET', 'HEAD', 'POST']
    const oem = this.#parts.manners.oem.filter((each) => each.path === path)
    if (oem.length > 0) {
      const more = this.#tree.has(path) ? ['GET', 'HEAD'] : []
      return [...more, ...oem.map(({ method }) => method)]
    }
    if (path === this.#parts.systemUri) return ['GET', 'HEAD', 'PATCH']
    if (path === this.#parts.manners.bootAt) return ['GET', 'HEAD', 'PATCH']
    if (this.#tree.session(path)) return ['GET', 'HEAD', 'DELETE']
    if (actionAt(this.#parts, path)) return ['POST']
    return this.#tree.has(path) || this.#parts.tasks.monitor(path) ? ['GET', 'HEAD'] : undefined
  }

  #serve(path: string, asked: Asked): Answer | Promise<Answer> {
    const oem = this.#parts.manners.oem.find(
      (each) => each.path === path && each.method === asked.method,
    )
    if (oem) {
      const { manners } = this.#parts
      if (asked.method === 'PATCH')
        checkPrecondition(asked, this.#tree.read(path)?.['@odata.etag'], manners)
      return oem.handle(this.#desk, objectOf(asked))
    }
    if (asked.method === 'PATCH') return this.#patch(path, asked)
    if (asked.method === 'DELETE') return this.#logout(path)
    if (asked.method !== 'POST') return this.#get(path, asked)
    const action = actionAt(this.#parts, path)
    return action ? action(asked) : this.#login(asked)
  }

  #get(path: string, asked: Asked): Answer {
    if (this.#parts.manners.slash === 'redirect' && path === asked.path) {
      const query = asked.query.size > 0 ? `?${asked.query}` : ''
      return { status: 308, headers: { Location: `${path}/${query}` } }
    }
    const monitored = this.#parts.tasks.monitor(path)
    if (monitored) return monitored
    const resource = this.#tree.read(path)
    if (!resource) throw new Refusal('missing', [path])
    return withEtag(this.#expand(resource, asked.query))
  }

  #patch(path: string, asked: Asked): Answer {
    const { manners, machine, captured } = this.#parts
    const system = captured.get(path) ?? {}
    checkPrecondition(asked, this.#tree.read(path)?.['@odata.etag'], manners)
    const change = objectOf(asked)
    for (const name of Object.keys(change).filter((member) => member !== 'Boot')) {
      throw new Refusal(Object.hasOwn(system, name) ? 'propertyReadOnly' : 'propertyUnknown', [
        name,
      ])
    }
    if (change['Boot'] === undefined) throw new Refusal('noBody')
    if (manners.bootAt !== undefined && path !== manners.bootAt) {
      throw new Refusal('propertyReadOnly', ['Boot'])
    }
    if (machine.inPost && manners.refusesBootDuringPost) throw new Refusal('post')
    machine.override = patchOverride(system, machine.override, change['Boot'], manners)
    machine.changed()
    return withEtag(this.#tree.read(path) ?? {})
  }

  #login(asked: Asked): Answer {
    const body = objectOf(asked)
    const { UserName, Password } = body
    const needed = this.#parts.manners.loginNeeds
    const last = needed.reduce<unknown>((at, name) => isResource(at) && at[name], body)
    if (needed.length > 0 && typeof last !== 'string') {
      throw new Refusal('propertyMissing', [needed.join('/')])
    }
    const session = this.#parts.sessions.create(UserName, Password)
    this.#parts.machine.changed()
    const Location = `${SESSIONS}/${session.id}`
    const headers = { Location, 'X-Auth-Token': session.token }
    return { status: 201, headers, body: sessionView(session) }
  }

  #logout(path: string): Answer {
    this.#parts.sessions.drop(path.slice(SESSIONS.length + 1))
    this.#parts.machine.changed()
    return { status: 204 }
  }

  /** `$expand` puts members in place of their links; other `$` parameters are not supported. */
  #expand(resource: Resource, query: URLSearchParams): Resource {
    const other = [...query.keys()].find((name) => name.startsWith('$') && name !== '$expand')
    if (other !== undefined) throw new Refusal('query', [other])
    const list = resource['Members']
    if (!query.has('$expand') || !Array.isArray(list)) return resource
    const member = (link: unknown) =>
      (isResource(link) && this.#tree.read(text(link, '@odata.id'))) || link
    return { ...resource, Members: list.map(member) }
  }
}

function withEtag(body: Resource): Answer {
  const etag = text(body, '@odata.etag')
  return { status: 200, ...(etag !== '' && { headers: { ETag: etag } }), body }
}
