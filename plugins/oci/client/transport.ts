// SPDX-License-Identifier: AGPL-3.0-or-later
import { Readable } from 'node:stream'
import type { Dispatcher } from 'undici/index.js'
import { undici } from '../../../core/undici.ts'
import { MINUTE, SECOND } from '../../../core/units.ts'
import { clientFaults } from './faults.ts'
import { networkFault } from './network-fault.ts'
import type { Scope } from './scope.ts'
import { type Credentials, createTokens } from './tokens.ts'

export interface TransportParts {
  /** `https://host[:port]` */
  readonly origin: string
  /** PEM of the only CAs to believe; undefined: those that the runtime knows. */
  readonly ca?: string | undefined
  readonly credentials?: Credentials | undefined
  /** Unix time in ms. */
  readonly now: () => number
  /** Longest silence of the other side, in ms. */
  readonly idleMs?: number
  /** What the registry wants people to read, each once. */
  readonly onWarning?: (text: string) => void
}

export type Headers = Readonly<Record<string, string | string[] | undefined>>

export interface Exchange {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PATCH' | 'PUT' | 'DELETE'
  /** Path and query below the origin, or a whole URL that the registry gave us. */
  readonly target: string
  readonly scopes: readonly Scope[]
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Body
  readonly signal?: AbortSignal | undefined
  /** Longest silence when it may have much to do before it answers, in ms. */
  readonly idleMs?: number
}

/** What is sent; made anew when it has to be sent again. */
export interface Body {
  readonly sizeBytes: number
  open(): AsyncIterable<Uint8Array>
}

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly body: Dispatcher.ResponseData['body']
  /** Where it came from in the end. */
  readonly url: URL
}

/** Talks to one registry as one user. Close it. */
export interface Transport extends AsyncDisposable {
  readonly origin: string
  /** Any status, after login and redirects. Throws faults of the network only. */
  send(exchange: Exchange): Promise<Answer>
}

const MOST_REDIRECTS = 3
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])
const IDLE_MS = MINUTE
const WARNING = /299 - "((?:[^"\\]|\\.)*)"/g

/** One header's value; the first when it came several times. */
export function header(headers: Headers, name: string): string | undefined {
  const value = headers[name]
  return typeof value === 'string' ? value : value?.[0]
}

export function createTransport(parts: TransportParts): Transport {
  const { origin, idleMs = IDLE_MS } = parts
  const agent = new (undici().Agent)({
    connections: 16,
    // Our own watch knows whether bytes move; undici's would cut a slow body of ours.
    headersTimeout: 0,
    bodyTimeout: idleMs,
    keepAliveTimeout: 10 * SECOND,
    connect: { timeout: 10 * SECOND, ...(parts.ca === undefined ? {} : { ca: parts.ca }) },
  })

  const warned = new Set<string>()
  /** distribution-spec, "Warnings": code 299, no agent, no date. */
  function warn(header: string | string[] | undefined) {
    for (const [, quoted = ''] of [header ?? []].flat().join(', ').matchAll(WARNING)) {
      const text = quoted.replaceAll(/\\(.)/g, '$1')
      if (!warned.has(text)) parts.onWarning?.(text)
      warned.add(text)
    }
  }

  async function once(url: URL, exchange: Exchange, authorization: string | undefined) {
    using watch = silenceWatch(exchange.idleMs ?? idleMs, exchange.signal)
    const { body } = exchange
    try {
      const {
        statusCode,
        headers,
        body: answer,
      } = await undici().request(url, {
        dispatcher: agent,
        method: exchange.method,
        signal: watch.signal,
        headers: {
          // A compressed answer would have other lengths, ranges and digests.
          'accept-encoding': 'identity',
          'user-agent': 'slipway',
          ...exchange.headers,
          ...(authorization === undefined ? {} : { authorization }),
          ...(body ? { 'content-length': String(body.sizeBytes) } : {}),
        },
        ...(body && body.sizeBytes > 0
          ? { body: Readable.from(watch.over(body.open()), { objectMode: false }) }
          : {}),
      })
      warn(headers['warning'])
      return { status: statusCode, headers: headers as Headers, body: answer, url }
    } catch (cause) {
      exchange.signal?.throwIfAborted()
      // A file that can not be read on this side says nothing about the line.
      if (watch.unreadable) throw watch.unreadable.error
      throw networkFault(url, watch.silent ? watch.reason : cause)
    }
  }

  const tokens = createTokens({
    ...parts,
    send: (url, exchange, auth) => once(url, exchange, auth),
  })

  /** Credentials go to the registry itself, never along a redirect. */
  async function follow(exchange: Exchange, authorization: string | undefined): Promise<Answer> {
    let url = new URL(exchange.target, origin)
    for (let hops = 0; ; hops++) {
      const own = url.origin === origin
      const answer = await once(url, exchange, own ? authorization : undefined)
      const location = header(answer.headers, 'location')
      if (!REDIRECTS.has(answer.status) || location === undefined) return answer
      await answer.body.dump()
      if (hops === MOST_REDIRECTS) {
        throw clientFaults.redirect(`${origin} redirects more than ${MOST_REDIRECTS} times`)
      }
      url = nextHop(url, location)
    }
  }

  return {
    origin,
    async send(exchange) {
      const { scopes, signal } = exchange
      const used = await tokens.authorization(scopes, signal)
      const answer = await follow(exchange, used)
      if (answer.status !== 401 || answer.url.origin !== origin) return answer
      const again = await tokens.challenged(answer.headers, used, scopes, signal)
      if (again === undefined) return answer
      await answer.body.dump()
      return follow(exchange, again)
    },
    [Symbol.asyncDispose]: () => agent.destroy(),
  }
}

function nextHop(from: URL, location: string): URL {
  const next = URL.parse(location, from.href)
  if (!next || !/^https?:$/.test(next.protocol)) {
    throw clientFaults.redirect(`${from.origin} redirects to nowhere`)
  }
  if (from.protocol === 'https:' && next.protocol === 'http:') {
    throw clientFaults.redirect(
      `${from.origin} redirects from https to http, where anybody could change the content`,
    )
  }
  return next
}

/** Aborts when nothing moved for so long: neither bytes of ours nor the answer. */
function silenceWatch(idleMs: number, outer: AbortSignal | undefined) {
  const silence = new AbortController()
  const reason = new Error(`nothing moved for ${idleMs / SECOND} s`)
  let timer = setTimeout(() => silence.abort(reason), idleMs)
  let unreadable: { readonly error: unknown } | undefined
  const moved = () => {
    clearTimeout(timer)
    timer = setTimeout(() => silence.abort(reason), idleMs)
  }
  return {
    signal: outer ? AbortSignal.any([outer, silence.signal]) : silence.signal,
    reason,
    get silent() {
      return silence.signal.aborted
    },
    get unreadable() {
      return unreadable
    },
    async *over(pieces: AsyncIterable<Uint8Array>) {
      try {
        for await (const piece of pieces) {
          moved()
          yield piece
        }
      } catch (error) {
        unreadable = { error }
        throw error
      }
      moved()
    },
    [Symbol.dispose]: () => clearTimeout(timer),
  }
}
