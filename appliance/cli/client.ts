// SPDX-License-Identifier: AGPL-3.0-or-later
import { SECOND } from '../../core/units.ts'
import { apiProblem, networkProblem } from './answer.ts'
import type { Flags } from './command.ts'
import { findTarget, isLoopback, type Target } from './target.ts'
import { isUnknownIssuer, trustedCa, trustOnFirstUse } from './trust.ts'

type Env = Readonly<Record<string, string | undefined>>

export interface RequestOptions {
  /** Sent as JSON. */
  readonly body?: unknown
  /** Sent as it is, once: a request with a stream is not repeated. */
  readonly stream?: ReadableStream<Uint8Array> | string
  readonly headers?: Readonly<Record<string, string>>
  readonly query?: Readonly<Record<string, string | readonly string[] | undefined>>
  /** Until the answer begins; 30 s unless given. 0: no limit. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}

/** The appliance's API, as one command uses it. */
export interface Client {
  readonly url: string
  /** Any 2xx. Everything else becomes a CliProblem with the exit code that belongs to it. */
  request(method: string, path: string, options?: RequestOptions): Promise<Response>
  /** The answer's document; undefined for one without a body. */
  json<T>(method: string, path: string, options?: RequestOptions): Promise<T>
}

/** Finds out where to talk to and whom to believe; sends nothing yet. */
export async function openClient(flags: Flags, env: Env): Promise<Client> {
  const target = await findTarget(flags, env)
  if (isLoopback(new URL(target.url))) bypassProxy(new URL(target.url).hostname)
  let ca: string | undefined
  let trustKnown = !target.url.startsWith('https:')

  async function send(method: string, path: string, options: RequestOptions): Promise<Response> {
    if (!trustKnown) ca = await trustedCa(target, env)
    trustKnown = true
    const headers = await headersOf(target, options)
    try {
      return await exchange(`${target.url}${path}${queryOf(options)}`, method, headers, ca, options)
    } catch (error) {
      const again = isUnknownIssuer((error as { code?: unknown }).code) && ca === undefined
      if (again) ca = await trustOnFirstUse(target.url, env)
      if (!again || ca === undefined) throw networkProblem(target.url, error)
      // The handshake failed before anything was sent: nothing is done twice.
      return send(method, path, options)
    }
  }

  const request = async (method: string, path: string, options: RequestOptions = {}) => {
    const response = await send(method, path, options)
    if (response.ok) return response
    throw await apiProblem(target.url, response, (await target.authorization()) !== undefined)
  }
  return {
    url: target.url,
    request,
    async json<T>(method: string, path: string, options?: RequestOptions) {
      const response = await request(method, path, options)
      const text = await response.text()
      if (text === '') return undefined as T
      try {
        return JSON.parse(text) as T
      } catch (cause) {
        throw networkProblem(target.url, new Error('its answer is no JSON', { cause }))
      }
    },
  }
}

async function headersOf(target: Target, { body, headers }: RequestOptions) {
  const authorization = await target.authorization()
  return {
    accept: 'application/json',
    ...(authorization ? { authorization } : {}),
    ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    ...headers,
  }
}

async function exchange(
  url: string,
  method: string,
  headers: Readonly<Record<string, string>>,
  ca: string | undefined,
  { body, stream, signal, timeoutMs = 30 * SECOND }: RequestOptions,
): Promise<Response> {
  const limit = new AbortController()
  const timer =
    timeoutMs > 0
      ? setTimeout(() => limit.abort(new Error(`no answer in ${timeoutMs / SECOND} s`)), timeoutMs)
      : undefined
  const sent = stream ?? (body === undefined ? undefined : JSON.stringify(body))
  try {
    return await fetch(url, {
      method,
      headers,
      // A redirect would carry the token to wherever it points.
      redirect: 'manual',
      signal: signal ? AbortSignal.any([signal, limit.signal]) : limit.signal,
      // Bun's own limit of 5 min would cut a quiet event stream.
      timeout: false,
      ...(sent === undefined ? {} : { body: sent }),
      ...(ca === undefined ? {} : { tls: { ca } }),
    } as BunFetchRequestInit)
  } finally {
    clearTimeout(timer)
  }
}

function queryOf({ query = {} }: RequestOptions): string {
  const pairs = Object.entries(query).flatMap(([name, value]) =>
    [value ?? []].flat().map((one) => [name, one] as [string, string]),
  )
  return pairs.length === 0 ? '' : `?${new URLSearchParams(pairs)}`
}

/** Bun asks `HTTP_PROXY` for loopback too: the token would leave the box in clear. */
function bypassProxy(host: string) {
  for (const name of ['NO_PROXY', 'no_proxy']) {
    process.env[name] = [process.env[name], host.replace(/^\[|\]$/g, '')].filter(Boolean).join(',')
  }
}
