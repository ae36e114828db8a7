// SPDX-License-Identifier: AGPL-3.0-or-later
import { keep } from './record.ts'
import { type Answer, type Asked, isResource, type Resource } from './wire.ts'

/** What a controller's network does with a request instead of an answer: the connection breaks. */
export const DROPPED = Symbol('dropped')
/** What a request comes to. */
export type Outcome = Answer | typeof DROPPED

/** Stands between the network and the controller: answers itself, breaks the line, or asks `next`. */
export type Interception = (asked: Asked, next: () => Promise<Outcome>) => Promise<Outcome>

/** One request to the controller, with what came of it. Passwords are left out. */
export interface RequestRecord {
  /** Unix ms. */
  readonly at: number
  readonly method: string
  readonly path: string
  /** The JSON object that was sent. */
  readonly body: Resource | undefined
  readonly ifMatch: string | undefined
  /** Undefined when the connection was dropped. */
  readonly status: number | undefined
}

/** The way of all requests to a controller: through the faults, into the log. */
export class Exchanges {
  /** Laid over the controller, the first one outermost. */
  readonly faults = new Set<Interception>()
  readonly requests: RequestRecord[] = []
  readonly #answer: (asked: Asked) => Promise<Answer>
  readonly #now: () => number

  constructor(answer: (asked: Asked) => Promise<Answer>, now: () => number) {
    this.#answer = answer
    this.#now = now
  }

  async handle(asked: Asked): Promise<Outcome> {
    const ask = [...this.faults].reduceRight<() => Promise<Outcome>>(
      (next, fault) => () => fault(asked, next),
      () => this.#answer(asked),
    )
    const at = this.#now()
    const outcome = await ask()
    const status = outcome === DROPPED ? undefined : outcome.status
    const { method, path, headers } = asked
    const ifMatch = headers['if-match']
    keep(this.requests, { at, method, path, body: bodyOf(asked.text), ifMatch, status })
    return outcome
  }
}

function bodyOf(text: string): Resource | undefined {
  try {
    const body: unknown = JSON.parse(text)
    if (!isResource(body)) return undefined
    return 'Password' in body ? { ...body, Password: '[redacted]' } : body
  } catch {
    // Not JSON: the controller's answer, which stands in the record, says so.
    return undefined
  }
}
