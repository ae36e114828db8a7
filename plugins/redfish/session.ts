// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Credentials } from '../../core/machines/machine.ts'
import { type Answer, told } from './answer.ts'
import { type Exchange, pathOf } from './exchange.ts'
import type { SessionLedger } from './ledger.ts'
import { saysNoSession } from './messages.ts'
import type { Redactor } from './redact.ts'
import { refusal } from './refusal.ts'

/** One header, made once: compared by identity, so that a stale one is known. */
export type Headers = Readonly<Record<string, string>>

/** What a session needs of its contact. */
export interface SessionParts {
  readonly exchange: Exchange
  readonly origin: string
  readonly credentials: Credentials
  readonly redactor: Redactor
  readonly ledger: SessionLedger
  /** The Sessions collection as the service root links it; undefined when it links none. */
  readonly sessionsUri: string | undefined
  /** Members of the login's body beside name and password. */
  readonly loginWith?: Readonly<Record<string, unknown>> | undefined
  readonly note: (level: 'info' | 'warn', message: string) => void
}

/** How we are logged in. */
export interface Session {
  readonly headers: Headers
  /** Undefined for basic login, and for a session that did not say where it is. */
  readonly uri: string | undefined
  /** Why there is no session. */
  readonly basicBecause?: string
}

/** Where the session lives: `Location`, else the resource that came back. */
function placeOf(answer: Answer, origin: string): string | undefined {
  const body = answer.body as { '@odata.id'?: unknown } | undefined
  const place = answer.header('location') ?? body?.['@odata.id']
  return typeof place === 'string' && place !== '' ? pathOf(place, origin) : undefined
}

/** A BMC that refuses to open a session may still take basic login, except when the password is wrong. */
const sessionsRefused = (answer: Answer) =>
  saysNoSession(answer.messages) || [400, 404, 405, 500, 501, 503].includes(answer.status)

function basic({ credentials, redactor, note }: SessionParts, basicBecause: string): Session {
  const { username, password } = credentials
  const token = Buffer.from(`${username}:${password}`).toString('base64')
  redactor.hide(token)
  note('warn', `No session at the BMC: ${basicBecause}; every request logs in by itself.`)
  return { headers: { Authorization: `Basic ${token}` }, uri: undefined, basicBecause }
}

/** Opens a session and writes it down, or falls back to basic login. Throws for a wrong password. */
export async function openSession(parts: SessionParts, signal: AbortSignal): Promise<Session> {
  const { exchange, origin, credentials, redactor, ledger, sessionsUri } = parts
  if (sessionsUri === undefined) return basic(parts, 'its service root links no sessions')
  const { username: UserName, password: Password } = credentials
  const body = { UserName, Password, ...parts.loginWith }
  const answer = await exchange({ method: 'POST', path: sessionsUri, body, secret: true }, signal)
  if (!answer.ok) {
    if (!sessionsRefused(answer)) throw refusal(answer)
    return basic(parts, `it answered ${answer.status} ${answer.said}`.trim())
  }
  const token = answer.header('x-auth-token')
  if (!token) return basic(parts, 'it answered the login without a token')
  redactor.hide(token)
  const uri = placeOf(answer, origin)
  if (uri !== undefined) await ledger.add(origin, uri)
  return { headers: { 'X-Auth-Token': token }, uri }
}

/** Deletes the session. Throws when it may still be open: then it stays in the ledger. */
export async function deleteSession(
  { exchange, origin, ledger }: SessionParts,
  { uri, headers }: Session,
  signal: AbortSignal,
): Promise<void> {
  if (uri === undefined) return
  const answer = await exchange({ method: 'DELETE', path: uri, headers }, signal)
  // 401 and 404: it had ended by itself. The entry goes last: a crash leaves one to sweep, not one to lose.
  if (answer.ok || answer.status === 401 || answer.status === 404) return ledger.remove(origin, uri)
  throw new Error(told(answer))
}

/** One session of an earlier run; its URI may meanwhile be another user's: look first. */
async function sweepOne(
  { exchange, origin, credentials, ledger, note }: SessionParts,
  path: string,
  headers: Headers,
  signal: AbortSignal,
): Promise<void> {
  const found = await exchange({ method: 'GET', path, headers }, signal)
  if (found.status >= 500) return
  const owner = (found.body as { UserName?: unknown } | undefined)?.UserName
  if (found.ok && owner === credentials.username) {
    const gone = await exchange({ method: 'DELETE', path, headers }, signal)
    if (!gone.ok && gone.status !== 404) return
    note('info', `Closed a session that an earlier run had left at the BMC (${path}).`)
  }
  await ledger.remove(origin, path)
}

/** Closes what earlier runs left at this BMC. Does not throw but for the signal: it can wait. */
export async function sweepSessions(
  parts: SessionParts,
  { headers }: Session,
  signal: AbortSignal,
): Promise<void> {
  try {
    // A session of ours under the same URI is in use, and no orphan.
    for (const path of await parts.ledger.orphans(parts.origin)) {
      await sweepOne(parts, path, headers, signal)
    }
  } catch (cause) {
    signal.throwIfAborted()
    parts.note('warn', `Sessions of an earlier run were not closed: ${(cause as Error).message}`)
  }
}
