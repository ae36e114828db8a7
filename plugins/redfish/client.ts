// SPDX-License-Identifier: AGPL-3.0-or-later
import { Fault } from '../../core/faults.ts'
import { retry } from '../../core/retry.ts'
import { type Answer, told } from './answer.ts'
import type { Method } from './connection.ts'
import type { Ask, Exchange } from './exchange.ts'
import { redfishFaults } from './faults.ts'
import type { Login } from './login.ts'
import { isTransient, refusal } from './refusal.ts'

/** A line for the job's log; secrets are taken out behind it. */
export type Note = (level: 'info' | 'warn' | 'error', message: string) => void

/** Requests to one BMC, logged in. */
export interface Client {
  readonly host: string
  /** Reads a resource. Throws what is not 2xx; busy controllers are asked again. */
  get(path: string, signal: AbortSignal): Promise<Answer>
  /** Reads what may not be there: like `get`, but returns an answer of any status. */
  look(path: string, signal: AbortSignal): Promise<Answer>
  /**
   * Sends an order and returns the answer, whatever its status, for the caller to judge.
   * Throws for a lost connection, a refused login, and (PATCH, DELETE) a controller that stays busy.
   */
  send(
    method: Exclude<Method, 'GET'>,
    path: string,
    signal: AbortSignal,
    order?: Order,
  ): Promise<Answer>
}

/** What goes with an order: a JSON body, further headers, a longer wait for the answer. */
export type Order = Pick<Ask, 'body' | 'headers' | 'timeoutMs'>

export interface ClientParts {
  readonly host: string
  readonly exchange: Exchange
  readonly login: Login
  readonly note: Note
  readonly options: { readonly retries: number; readonly retryPauseMs: number }
}

const SHUT = redfishFaults.coolingDown('').code

/**
 * Repeats what may pass. A gate that shuts meanwhile is not waited for: no short pause opens it, and
 * what shut it is the better thing to tell.
 */
export async function patiently<T>(
  { retries, retryPauseMs }: ClientParts['options'],
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<T> {
  let before: unknown
  let shut = false
  const again = (error: unknown) => error instanceof Fault && error.kind.retry && !shut
  return retry({ attempts: retries, pauseMs: retryPauseMs, signal, again }, async () => {
    try {
      return await work()
    } catch (error) {
      shut = error instanceof Fault && error.code === SHUT
      if (shut && before !== undefined) throw before
      before = error
      throw error
    }
  })
}

/** Says in the job's log what the controller said, once for the same words in a row. */
function createListener(note: Note) {
  let last = ''
  return (answer: Answer) => {
    const isTask = typeof answer.body === 'object' && 'TaskState' in (answer.body ?? {})
    const telling = answer.messages.some(({ id }) => !/(^|\.)Success$|NoOperation$/.test(id))
    const words = answer.ok && !telling ? '' : answer.said
    // A page that is not there, and what a GET says beside its resource, is no news.
    const quiet = answer.method === 'GET' && (answer.status === 404 || (answer.ok && !isTask))
    if (words === '' || quiet) return
    const line = told(answer)
    if (line !== last) note(answer.ok ? 'info' : 'warn', line)
    last = line
  }
}

/** A basic login that failed because no session was free is told as that. */
function refused(answer: Answer, basicBecause = ''): Fault {
  if (!/RAC0218|SessionLimitExceeded|maximum\b.{0,20}\bsessions?\b/i.test(basicBecause))
    return refusal(answer)
  return redfishFaults.sessionsExhausted(
    `${told(answer)}, and no session is free: close sessions of others at the controller, or restart it; basic login is refused there.`,
  )
}

/** Requests over one login. Nothing to close: the login and the connection are closed by their owner. */
export function createClient(parts: ClientParts): Client {
  const { exchange, login } = parts
  const listen = createListener(parts.note)

  /** A session may end at any time: one 401 is answered with a new one. */
  async function loggedIn(ask: Ask, signal: AbortSignal): Promise<Answer> {
    const identity = await login.headers(signal)
    const as = (who: Readonly<Record<string, string>>) =>
      exchange({ ...ask, headers: { ...ask.headers, ...who } }, signal)
    const answer = await as(identity)
    if (answer.status !== 401) return answer
    const fresh = await login.renew(identity, signal)
    return fresh === identity ? answer : await as(fresh)
  }

  async function once(ask: Ask, signal: AbortSignal): Promise<Answer> {
    const answer = await loggedIn(ask, signal)
    listen(answer)
    if (answer.status === 401) throw refused(answer, login.basicBecause())
    return answer
  }

  /** For what may be sent twice: transient answers and lost connections are tried again. */
  const again = (ask: Ask, signal: AbortSignal) =>
    patiently(parts.options, signal, async () => {
      const answer = await once(ask, signal)
      if (isTransient(answer)) throw refusal(answer)
      return answer
    })

  return {
    host: parts.host,
    async get(path, signal) {
      let answer = await again({ method: 'GET', path }, signal)
      // HPE documents URIs with a slash at the end, and some firmware insists.
      if (answer.status === 404 && !/[?#]|\/$/.test(path)) {
        answer = await again({ method: 'GET', path: `${path}/` }, signal)
      }
      if (!answer.ok) throw refusal(answer)
      return answer
    },
    look: (path, signal) => again({ method: 'GET', path }, signal),
    send: (method, path, signal, order) => {
      const ask = { ...order, method, path }
      return method === 'POST' ? once(ask, signal) : again(ask, signal)
    },
  }
}
