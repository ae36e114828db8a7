// SPDX-License-Identifier: AGPL-3.0-or-later
import type { ContentfulStatusCode } from 'hono/utils/http-status'

/** The contract's word in the `error` field of an API answer. */
export type ErrorWord =
  | 'invalid_json'
  | 'invalid_request'
  | 'invalid_recipe'
  | 'not_found'
  | 'unauthorized'
  | 'forbidden'
  | 'conflict'
  | 'too_large'
  | 'rate_limited'
  | 'unavailable'
  | 'gone'
  | 'server_error'

/** One foreseen way to fail. */
export interface FaultKind {
  readonly status: ContentfulStatusCode
  /** Does trying the same again make sense? `retry()` believes it. */
  readonly retry: boolean
  /** Defaults by status: 400 invalid_request, 401 unauthorized, 404 not_found, 409 conflict … */
  readonly word?: ErrorWord
}

/** One fault of a document: where, and what is wrong there. */
export interface FaultDetail {
  /** JSON pointer. */
  readonly path: string
  /** The same place in dotted form: `partition_layout[0].size`. */
  readonly field: string
  readonly code: string
  readonly message: string
}

export interface FaultExtras extends ErrorOptions {
  readonly details?: readonly FaultDetail[]
  /** Seconds after which the caller may try again; becomes `Retry-After`. */
  readonly retryAfterSeconds?: number
  /** Response headers that belong to the fault, e.g. `WWW-Authenticate`. */
  readonly headers?: Readonly<Record<string, string>>
}

/** An error that we foresaw. `message` is one sentence for a person, with the remedy where there is one. */
export class Fault extends Error {
  readonly code: string
  readonly kind: FaultKind
  readonly details: readonly FaultDetail[] | undefined
  readonly retryAfterSeconds: number | undefined
  readonly headers: Readonly<Record<string, string>> | undefined

  constructor(code: string, kind: FaultKind, message: string, extras: FaultExtras = {}) {
    super(message, 'cause' in extras ? { cause: extras.cause } : undefined)
    this.name = 'Fault'
    this.code = code
    this.kind = kind
    this.details = extras.details
    this.retryAfterSeconds = extras.retryAfterSeconds
    this.headers = extras.headers
  }
}

/** Codes of every table ever defined; a test asserts that each is raised somewhere. */
export const definedFaults = new Map<string, FaultKind>()

const kebab = (name: string) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)

/**
 * Makes one thrower a row: `redfishFaults.notRedfish('…')` is a Fault of code `redfish.not-redfish`.
 * `conflict_activeJob`-style names are not needed: a code is area, dot, kebab-cased name
 * (`active_job` keeps its underscore).
 */
export function defineFaults<T extends Record<string, FaultKind>>(area: string, table: T) {
  const makers = Object.entries(table).map(([name, kind]) => {
    const code = `${area}.${kebab(name)}`
    if (definedFaults.has(code)) throw new Error(`fault code ${code} is defined twice`)
    definedFaults.set(code, kind)
    return [name, (message: string, extras?: FaultExtras) => new Fault(code, kind, message, extras)]
  })
  return Object.fromEntries(makers) as {
    [K in keyof T]: (message: string, extras?: FaultExtras) => Fault
  }
}

/** The sentence of an error with the sentences of its causes, for logs and `failed_reason`. */
export function sentence(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error instanceof Fault || error.cause === undefined) return error.message
  return `${error.message}: ${sentence(error.cause)}`
}

/** Core's own tables. */
export const requestFaults = defineFaults('request', {
  json: { status: 400, retry: false, word: 'invalid_json' },
  invalid: { status: 400, retry: false, word: 'invalid_request' },
  tooLarge: { status: 413, retry: false },
  notFound: { status: 404, retry: false },
})
export const recipeFaults = defineFaults('recipe', {
  invalid: { status: 400, retry: false, word: 'invalid_recipe' },
  unsupported: { status: 400, retry: false, word: 'invalid_recipe' },
})
export const conflictFaults = defineFaults('conflict', {
  active_job: { status: 409, retry: false },
  finished: { status: 409, retry: false },
  idempotency: { status: 409, retry: false },
  exists: { status: 409, retry: false },
})
