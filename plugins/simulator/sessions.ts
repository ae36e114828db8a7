// SPDX-License-Identifier: AGPL-3.0-or-later
import { timingSafeEqual } from 'node:crypto'
import { Refusal } from './refusal.ts'
import type { Asked } from './wire.ts'

/** One login. */
export interface Session {
  readonly id: string
  readonly token: string
  readonly userName: string
  /** Unix ms of the last request that showed the token. */
  usedAt: number
}

/** The one account of a controller, and how many logins it bears for how long. */
export interface SessionParts {
  readonly username: string
  readonly password: string
  readonly cap: number
  readonly timeoutMs: number
  readonly now: () => number
}

function same(given: string, expected: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(expected)]
  return a.length === b.length && timingSafeEqual(a, b)
}

/** The sessions of one controller, and who may come in. */
export class Sessions {
  readonly #parts: SessionParts
  readonly #open = new Map<string, Session>()
  #last = 0

  constructor(parts: SessionParts) {
    this.#parts = parts
  }

  /** Sessions that are open now; the silent ones are dropped on the way. */
  list(): readonly Session[] {
    const { now, timeoutMs } = this.#parts
    for (const session of this.#open.values()) {
      if (now() - session.usedAt > timeoutMs) this.#open.delete(session.id)
    }
    return [...this.#open.values()]
  }

  /** Throws a Refusal for a wrong credential, and when the cap is reached. */
  create(userName: unknown, password: unknown): Session {
    if (!this.#known(userName, password)) throw new Refusal('credentials', ['Sessions'])
    if (this.list().length >= this.#parts.cap) throw new Refusal('sessions')
    const session = {
      id: String(++this.#last),
      token: crypto.randomUUID().replaceAll('-', ''),
      userName: this.#parts.username,
      usedAt: this.#parts.now(),
    }
    this.#open.set(session.id, session)
    return session
  }

  /** False when there is no such session. */
  drop(id: string): boolean {
    return this.#open.delete(id)
  }

  /** Throws a Refusal unless the request shows a session's token or the account's credential. */
  admit({ headers, path }: Asked): void {
    const token = headers['x-auth-token']
    if (token !== undefined) {
      const session = this.list().find((open) => same(token, open.token))
      if (!session) throw new Refusal('login')
      session.usedAt = this.#parts.now()
      return
    }
    const challenge = { 'WWW-Authenticate': 'Basic realm="RedfishService"' }
    const basic = /^basic\s+(\S+)$/i.exec(headers['authorization'] ?? '')?.[1]
    if (basic === undefined) throw new Refusal('login', [], challenge)
    const pair = Buffer.from(basic, 'base64').toString('utf8')
    const [, user, password] = /^([^:]*):([\s\S]*)$/.exec(pair) ?? []
    if (!this.#known(user, password)) throw new Refusal('credentials', [path], challenge)
  }

  #known(user: unknown, password: unknown): boolean {
    if (typeof user !== 'string' || typeof password !== 'string') return false
    const { username, password: expected } = this.#parts
    // Both are compared whatever the first one says.
    return [same(user, username), same(password, expected)].every(Boolean)
  }
}
