// SPDX-License-Identifier: AGPL-3.0-or-later
import { Fault } from '../../core/faults.ts'
import type { ControllerCapture } from '../../core/jobs/bmc.ts'
import { MiB } from '../../core/units.ts'
import type { Contact } from './contact.ts'
import { scrubbed } from './scrub.ts'

const ROOT = '/redfish/v1'
const SESSIONS = /\/SessionService\/Sessions$/i
/** What grows without end, is the same everywhere, or tells of people: of no use to a simulator. */
const SKIPPED =
  /\/(LogServices|Logs?|Entries|TelemetryService|MetricReport\w*|Metrics|Registries|JsonSchemas|Schemas|SchemaStore|AccountService|Accounts|Roles|Subscriptions|Certificates|CertificateService|Sensors|ComponentIntegrity|Fabrics|FirmwareInventory|SoftwareInventory)(\/|$)|\$metadata|\/(Sessions|Tasks)\/./i

/** Bounds of one capture. A full server has some hundreds of resources of this kind, of a few KiB. */
const MOST_RESOURCES = 1_500
const MOST_BYTES = 24 * MiB
const MOST_FAILURES = 20

type Json = Readonly<Record<string, unknown>>
const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Without fragment, query and slash at the end; undefined for what is not followed. */
export function followed(link: string): string | undefined {
  const path = link.replace(/[#?].*$/, '').replace(/(?<=.)\/+$/, '')
  const isBelow = path === '/redfish' || path === ROOT || path.startsWith(`${ROOT}/`)
  return isBelow && !SKIPPED.test(path) ? path : undefined
}

/** Every link in a resource: `@odata.id`, action infos, further pages. */
function linksIn(value: unknown, found: Set<string> = new Set()): Set<string> {
  if (Array.isArray(value)) for (const each of value) linksIn(each, found)
  if (!isObject(value)) return found
  for (const [key, each] of Object.entries(value)) {
    const isLink = /^(@odata\.id|@Redfish\.ActionInfo)$|nextLink$/.test(key)
    if (isLink && typeof each === 'string') found.add(each)
    else linksIn(each, found)
  }
  return found
}

/** Nobody is logged in at a simulator, and nothing runs there. */
const atRest = (path: string, body: Json): Json =>
  SESSIONS.test(path) || /\/Tasks$/.test(path)
    ? { ...body, Members: [], 'Members@odata.count': 0 }
    : body

interface Walk {
  readonly tree: Record<string, unknown>
  /** Methods, where a resource takes more than to be read. */
  readonly allow: Record<string, string>
  bytes: number
  failures: number
}

/** Reads one resource; undefined where there is none, or none that can be read. */
async function readOne({ client }: Contact, walk: Walk, path: string, signal: AbortSignal) {
  try {
    const answer = await client.look(path, signal)
    if (!answer.ok || !isObject(answer.body)) return undefined
    const allow = answer.header('allow') ?? ''
    if (/PATCH|POST|DELETE/i.test(allow)) walk.allow[path] = allow
    walk.bytes += JSON.stringify(answer.body).length
    return { body: answer.body, redirected: answer.path.endsWith('/') && answer.path !== path }
  } catch (error) {
    signal.throwIfAborted()
    walk.failures += 1
    // One resource that fails is left out; a controller that fails is told.
    if (!(error instanceof Fault) || walk.failures > MOST_FAILURES) throw error
    return undefined
  }
}

/** Reads by links from the service root on, near ones first. Sends nothing but GETs and its own login. */
async function walked(contact: Contact, places: readonly string[], signal: AbortSignal) {
  const walk: Walk = { tree: {}, allow: {}, bytes: 0, failures: 0 }
  const own = places.flatMap((path) => followed(path) ?? [])
  const seen = new Set(['/redfish', ROOT, `${ROOT}/odata`, ...own])
  const queue = [...seen]
  let slash = false
  for (let at = 0; at < queue.length; at++) {
    if (Object.keys(walk.tree).length >= MOST_RESOURCES || walk.bytes > MOST_BYTES) {
      return { ...walk, slash, complete: false }
    }
    const path = queue[at] ?? ROOT
    const found = await readOne(contact, walk, path, signal)
    if (!found) continue
    walk.tree[path] = atRest(path, found.body)
    slash ||= found.redirected && path !== ROOT
    for (const link of linksIn(walk.tree[path])) {
      const next = followed(link)
      if (next === undefined || seen.has(next)) continue
      seen.add(next)
      queue.push(next)
    }
  }
  return { ...walk, slash, complete: true }
}

/** Names that no resource need show: of the login, of the machine's row, of the controller's address. */
function namesOf({ parts }: Contact): readonly string[] {
  const { machine, credentials } = parts
  const { hostname } = new URL(machine.bmc.url)
  const isAddress = /^[\d.]+$|^\[/.test(hostname)
  return [
    ...(isAddress ? [] : [hostname]),
    credentials.username,
    machine.serial,
    ...machine.aliases,
  ].filter((name) => name !== '')
}

/** `places`: what no link leads to. The scrubbed tree, with what a simulator can not see in resources under `#capture`. */
export async function takeCapture(
  contact: Contact,
  places: readonly string[],
  signal: AbortSignal,
): Promise<ControllerCapture> {
  const { tree, allow, slash, complete } = await walked(contact, places, signal)
  if (!complete) contact.note('warn', 'The controller has more resources than a capture takes.')
  const about = {
    ...{ complete, allow, slash: slash ? 'redirect' : 'either' },
    systemUri: contact.finding.systemUri.replace(/\/+$/, ''),
    profile: contact.profile.name,
  }
  const { skuIsSerial = false } = contact.profile.rules
  return scrubbed({ '#capture': about, ...tree }, { names: namesOf(contact), skuIsSerial })
}
