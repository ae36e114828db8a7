// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Context } from 'hono'
import { HTTPException } from 'hono/http-exception'
import { defineFaults, type ErrorWord, Fault, type FaultKind, requestFaults } from '../faults.ts'
import type { Logger } from '../log.ts'
import type { ApiEnv } from './env.ts'

const WORD_BY_STATUS: Readonly<Record<number, ErrorWord>> = {
  400: 'invalid_request',
  401: 'unauthorized',
  403: 'forbidden',
  404: 'not_found',
  409: 'conflict',
  410: 'gone',
  413: 'too_large',
  429: 'rate_limited',
  502: 'unavailable',
  503: 'unavailable',
  504: 'unavailable',
}

export const storageFaults = defineFaults('storage', {
  full: { status: 507, retry: false, word: 'unavailable' },
})

/** No room on the disk, from the database or the file system, however deep it is wrapped. */
export function lacksRoom(error: unknown, depth = 0): boolean {
  if (!(error instanceof Error) || depth > 5) return false
  const { code } = error as NodeJS.ErrnoException
  return code === 'SQLITE_FULL' || code === 'ENOSPC' || lacksRoom(error.cause, depth + 1)
}

const foreseen = (error: Error): Error =>
  error instanceof Fault || !lacksRoom(error)
    ? error
    : storageFaults.full(
        'the disk of the data folder is full: nothing was stored; free some space and send it again',
        { cause: error },
      )

/** The contract's word for a fault. */
export const wordOf = (kind: FaultKind): ErrorWord =>
  kind.word ?? WORD_BY_STATUS[kind.status] ?? 'server_error'

/** The one place that turns errors into responses. Of a bug nothing leaves but a request id. */
export const onError =
  (log: Logger) =>
  (raised: Error, c: Context<ApiEnv>): Response => {
    const error = foreseen(raised)
    const requestId = c.get('requestId') ?? crypto.randomUUID()
    if (error instanceof Fault) {
      if (error.kind.status >= 500) {
        log.warn({ request: requestId, code: error.code, err: error }, 'request failed')
      }
      for (const [name, value] of Object.entries(error.headers ?? {})) c.header(name, value)
      if (error.retryAfterSeconds !== undefined) {
        c.header('Retry-After', String(Math.ceil(error.retryAfterSeconds)))
      }
      return c.json(
        {
          error: wordOf(error.kind),
          code: error.code,
          message: error.message,
          ...(error.details ? { details: error.details } : {}),
          request_id: requestId,
        },
        error.kind.status,
      )
    }
    if (error instanceof HTTPException) return error.getResponse()
    // The caller went away in the middle of its request: nobody reads the answer, nobody need look.
    if (error.name === 'AbortError' && c.req.raw.signal.aborted) {
      log.debug({ request: requestId, path: c.req.path }, 'a request was cut off')
      return c.body(null, 400)
    }
    log.error({ request: requestId, path: c.req.path, err: error }, 'bug in a request')
    return c.json(
      {
        error: 'server_error',
        code: 'server.error',
        message: `something went wrong here; the log says more under request ${requestId}`,
        request_id: requestId,
      },
      500,
    )
  }

/** Unknown paths and methods: 404, as the contract has it (never 405). */
export const notFound = (c: Context<ApiEnv>): never => {
  throw requestFaults.notFound(`there is nothing at ${c.req.method} ${c.req.path.slice(0, 200)}`)
}
