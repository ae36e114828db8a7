// SPDX-License-Identifier: AGPL-3.0-or-later
import {
  deleteSession,
  type Headers,
  openSession,
  type Session,
  type SessionParts,
  sweepSessions,
} from './session.ts'
import { waitWith } from './wait.ts'

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

/** A login is for all who ask: no one's signal ends it, only the limit of its requests. */
const ALONE = new AbortController().signal

/** Opens nothing yet: the first request does. */
export function createLogin(parts: SessionParts): Login {
  const { origin, ledger, note } = parts
  let current: Promise<Session> | undefined
  let last: Session | undefined

  /** Makes the session that all requests share; what fails is tried again by the next request. */
  async function start(opening: Promise<Session>): Promise<Session> {
    current = opening
    try {
      last = await opening
      return last
    } catch (error) {
      if (current === opening) current = undefined
      throw error
    }
  }

  /** The first login of a contact also cleans up; a renewed one has no time for it. */
  async function begin(): Promise<Session> {
    const session = await openSession(parts, ALONE)
    await sweepSessions(parts, session, ALONE)
    return session
  }

  return {
    headers: async (signal) => (await waitWith(current ?? start(begin()), signal)).headers,
    async renew(sent, signal) {
      const before = current
      const session = before && (await waitWith(before, signal))
      const another = session?.headers !== sent || current !== before
      if (another || session.uri === undefined) return this.headers(signal)
      // Nothing may be awaited before: the next one who asks must find the new session.
      const renewed = start(openSession(parts, ALONE))
      const both = Promise.all([renewed, ledger.remove(origin, session.uri)])
      return (await waitWith(both, signal))[0].headers
    },
    basicBecause: () => last?.basicBecause,
    async close(signal) {
      const session = await current?.catch(() => undefined)
      current = undefined
      if (!session) return
      try {
        await deleteSession(parts, session, signal)
      } catch (cause) {
        if (session.uri !== undefined) ledger.release(origin, session.uri)
        note('warn', `The session at the BMC could not be closed: ${(cause as Error).message}`)
      }
    },
  }
}
