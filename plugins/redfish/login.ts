// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Credentials } from '../../core/machines/machine.ts'
import type { Answer } from './answer.ts'
import { told } from './answer.ts'
import { type Exchange, pathOf } from './exchange.ts'
import type { SessionLedger } from './ledger.ts'
import { saysNoSession } from './messages.ts'
import type { Redactor } from './redact.ts'
import { refusal } from './refusal.ts'

/** How requests prove who we are: by one session, or by basic login where sessions can not be had. */
export interface Login {
  /** Opens the session at the first call. Throws `redfish.unauthorized` for a wrong password. */
  headers(signal: AbortSignal): Promise<Headers>
  /** The headers that were sent got a 401: a new session, made once for all who ask. */
  renew(sent: Headers, signal: AbortSignal): Promise<Headers>
  /** Why there is no session; undefined while there is one. */
  basicBecause(): string | undefined
  /** Deletes the session. Does not throw: what could not be deleted is swept at the next contact. */
  close(signal: AbortSignal): Promise<void>
}

export type Headers = Readonly<Record<string, string>>

export interface LoginParts {
  readonly exchange: Exchange
  readonly origin: string
  readonly credentials: Credentials
  readonly redactor: Redactor
  readonly ledger: SessionLedger
  /** The Sessions collection as the service root links it; undefined when it links none. */
  readonly sessionsUri: string | undefined
  readonly note: (level: 'info' | 'warn', message: string) => void
}

interface Session {
  readonly headers: Headers
  /** Undefined for basic login, and for a session without a place. */
  readonly uri: string | undefined
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

export function createLogin(parts: LoginParts): Login {
  const { exchange, origin, credentials, ledger, note } = parts
  const userAndPassword = `${credentials.username}:${credentials.password}`
  const basicToken = Buffer.from(userAndPassword).toString('base64')
  parts.redactor.hide(basicToken)
  let current: Promise<Session> | undefined
  let basicBecause: string | undefined
  const basic = (because: string): Session => {
    basicBecause = because
    note('warn', `No session at the BMC: ${because}; every request logs in by itself.`)
    return { headers: { Authorization: `Basic ${basicToken}` }, uri: undefined }
  }

  async function open(signal: AbortSignal): Promise<Session> {
    if (parts.sessionsUri === undefined) return basic('its service root links no sessions')
    const body = { UserName: credentials.username, Password: credentials.password }
    const answer = await exchange({ method: 'POST', path: parts.sessionsUri, body }, signal)
    const token = answer.header('x-auth-token')
    if (answer.ok && token) {
      parts.redactor.hide(token)
      basicBecause = undefined
      const uri = placeOf(answer, origin)
      if (uri !== undefined) await ledger.add(origin, uri)
      return { headers: { 'X-Auth-Token': token }, uri }
    }
    if (answer.ok) return basic('it answered the login without a token')
    if (sessionsRefused(answer)) return basic(`it answered ${answer.status} ${answer.said}`.trim())
    throw refusal(answer)
  }

  /** Deletes what an earlier run left. The URI may meanwhile be another user's: look first. */
  async function sweep(session: Session, signal: AbortSignal): Promise<void> {
    for (const path of await ledger.orphans(origin)) {
      const found = await exchange({ method: 'GET', path, headers: session.headers }, signal)
      if (found.status >= 500) continue
      const owner = (found.body as { UserName?: unknown } | undefined)?.UserName
      if (found.ok && owner === credentials.username && path !== session.uri) {
        const gone = await exchange({ method: 'DELETE', path, headers: session.headers }, signal)
        if (!gone.ok && gone.status !== 404) continue
        note('info', `Closed a session that an earlier run had left at the BMC (${path}).`)
      }
      if (path !== session.uri) await ledger.remove(origin, path)
    }
  }

  async function begin(signal: AbortSignal): Promise<Session> {
    const session = await open(signal)
    await sweep(session, signal).catch((cause) => {
      signal.throwIfAborted()
      note('warn', `Sessions of an earlier run could not be closed: ${cause.message}`)
    })
    return session
  }

  async function forget(session: Session, signal: AbortSignal): Promise<void> {
    const { uri, headers } = session
    if (uri === undefined) return
    const answer = await exchange({ method: 'DELETE', path: uri, headers }, signal)
    // 401 and 404: it had ended by itself.
    if (answer.ok || answer.status === 401 || answer.status === 404) {
      return ledger.remove(origin, uri)
    }
    throw new Error(told(answer))
  }

  /** Makes the session that all requests share; what fails is tried again by the next request. */
  function start(opening: Promise<Session>): Promise<Session> {
    current = opening
    opening.catch(() => {
      if (current === opening) current = undefined
    })
    return opening
  }

  return {
    headers: async (signal) => (await (current ?? start(begin(signal)))).headers,
    async renew(sent, signal) {
      const before = current
      const session = await before
      if (session?.headers !== sent || current !== before || session.uri === undefined) {
        return this.headers(signal)
      }
      // Nothing may be awaited before: the next one who asks must find the new session.
      const renewed = start(open(signal))
      await ledger.remove(origin, session.uri)
      return (await renewed).headers
    },
    basicBecause: () => basicBecause,
    async close(signal) {
      const session = await current?.catch(() => undefined)
      current = undefined
      if (!session) return
      try {
        await forget(session, signal)
      } catch (cause) {
        if (session.uri !== undefined) ledger.release(origin, session.uri)
        note('warn', `The session at the BMC could not be closed: ${(cause as Error).message}`)
      }
    },
  }
}
