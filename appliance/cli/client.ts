// SPDX-License-Identifier: AGPL-3.0-or-later

import type { ApplianceAccess, ApplianceClient, Flags, RequestOptions } from '../../core/command.ts'
import { SECOND } from '../../core/units.ts'
import { apiProblem, networkProblem } from './answer.ts'
import { findTarget, isLoopback, type Target } from './target.ts'
import { isUnknownIssuer, type Trust, trustedCa, trustOnFirstUse } from './trust.ts'

type Env = Readonly<Record<string, string | undefined>>

export type Client = ApplianceClient

/** Finds out where to talk and whom to believe; sends nothing yet. */
export async function openClient(flags: Flags, env: Env): Promise<Client> {
  const target = await findTarget(flags, env)
  const { hostname } = new URL(target.url)
  if (isLoopback(new URL(target.url))) bypassProxy(hostname)
  return new HttpClient(target, env)
}

class HttpClient implements Client {
  readonly url: string
  readonly #target: Target
  readonly #env: Env
  /** Looked up at the first request: some commands never send one. */
  #trust: Promise<Trust | undefined> | undefined

  constructor(target: Target, env: Env) {
    this.url = target.url
    this.#target = target
    this.#env = env
  }

  async request(method: string, path: string, options: RequestOptions = {}): Promise<Response> {
    const response = await this.#send(method, path, options)
    if (response.ok) return response
    throw await apiProblem(this.url, response, (await this.#target.authorization()) !== undefined)
  }

  async json<T>(method: string, path: string, options?: RequestOptions): Promise<T> {
    const response = await this.request(method, path, options)
    const text = await response.text()
    if (text === '') return undefined as T
    try {
      return JSON.parse(text) as T
    } catch (cause) {
      throw networkProblem(this.url, undefined, new Error('its answer is no JSON', { cause }))
    }
  }

  async access(): Promise<ApplianceAccess> {
    this.#trust ??= trustedCa(this.#target, this.#env)
    // Whoever is not known yet is met by a request that carries nothing and changes nothing.
    if (this.url.startsWith('https:') && !(await this.#trust)) await this.#send('GET', '/healthz')
    const ca = (await this.#trust)?.pem
    return { url: this.url, ca, authorization: await this.#target.authorization() }
  }

  async #send(method: string, path: string, options: RequestOptions = {}): Promise<Response> {
    this.#trust ??= trustedCa(this.#target, this.#env)
    const trust = await this.#trust
    const url = `${this.url}${path}${queryOf(options)}`
    const headers = await headersOf(this.#target, options)
    try {
      return await exchange(url, method, headers, trust?.pem, options)
    } catch (error) {
      if (trust || !isUnknownIssuer(error)) throw networkProblem(this.url, trust, error)
      this.#trust = trustOnFirstUse(this.url, this.#env)
      if (!(await this.#trust)) throw networkProblem(this.url, undefined, error)
      // The handshake failed before anything was sent: nothing is done twice.
      return this.#send(method, path, options)
    }
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
  { body, raw, signal, timeoutMs = 30 * SECOND }: RequestOptions,
): Promise<Response> {
  const limit = new AbortController()
  const timer =
    timeoutMs > 0
      ? setTimeout(() => limit.abort(new Error(`no answer in ${timeoutMs / SECOND} s`)), timeoutMs)
      : undefined
  const sent = raw?.() ?? (body === undefined ? undefined : JSON.stringify(body))
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
