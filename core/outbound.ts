// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Fetches from URLs that users or providers gave us. Such a URL must not become a hand into our
 * own network: the address that was checked is the address that is called, at every redirect.
 */

import { Fault } from './faults.ts'
import { pinnedAgent } from './outbound-connect.ts'
import {
  createOutboundGuard,
  type OutboundGuardParts,
  outboundFaults,
  shownUrl,
} from './outbound-guard.ts'
import { undici } from './undici.ts'
import { SECOND } from './units.ts'

export interface OutboundParts extends OutboundGuardParts {
  /** PEM of further CAs beside the well-known ones. */
  readonly caPem?: string | undefined
}

export interface FetchLimits {
  readonly maxBytes: number
  /** For the whole fetch, redirects included. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}

export interface Fetched {
  readonly bytes: Uint8Array<ArrayBuffer>
  /** Where it came from after all redirects, as people may read it: without query. */
  readonly from: string
}

export interface Outbound {
  /** The body as it came, never decompressed. Throws faults of area `outbound`. */
  fetchBytes(url: string, limits: FetchLimits): Promise<Fetched>
}

const MOST_REDIRECTS = 3
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])
const DEFAULT_TIMEOUT_MS = 30 * SECOND

type Answer =
  | { readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly location: string | string[] | undefined }

export function createOutbound(parts: OutboundParts): Outbound {
  const guard = createOutboundGuard(parts)

  async function get(url: URL, maxBytes: number, signal: AbortSignal): Promise<Answer> {
    const allowed = await within(guard.allow(url), signal)
    const agent = pinnedAgent(url, allowed, parts.caPem)
    try {
      const { statusCode, headers, body } = await undici().request(url, {
        dispatcher: agent,
        signal,
        headers: { 'accept-encoding': 'identity', 'user-agent': 'slipway' },
      })
      if (REDIRECTS.has(statusCode)) return { location: headers['location'] }
      if (statusCode === 200) return { bytes: await readAtMost(body, maxBytes, url) }
      throw outboundFaults.refused(`${shownUrl(url)} answered ${statusCode}; check the URL`)
    } finally {
      // Cuts a body that nobody wants any more.
      await agent.destroy()
    }
  }

  return {
    async fetchBytes(given, { maxBytes, timeoutMs = DEFAULT_TIMEOUT_MS, signal: asked }) {
      const timeout = AbortSignal.timeout(timeoutMs)
      const signal = asked ? AbortSignal.any([asked, timeout]) : timeout
      let url = checkUrl(given)
      for (let hops = 0; ; hops++) {
        const answer = await get(url, maxBytes, signal).catch((error: unknown) => {
          asked?.throwIfAborted()
          throw told(error, url, timeout.aborted)
        })
        if ('bytes' in answer) return { bytes: answer.bytes, from: shownUrl(url) }
        if (hops === MOST_REDIRECTS) {
          throw outboundFaults.redirects(
            `${shownUrl(checkUrl(given))} redirects more than ${MOST_REDIRECTS} times; give the URL where it ends`,
          )
        }
        url = follow(url, answer.location)
      }
    },
  }
}

/** Resolvers take no signal: this stops waiting for them. */
function within<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>()
  signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  return Promise.race([work, promise])
}

function checkUrl(given: string): URL {
  const url = URL.parse(given)
  if (!url || !['http:', 'https:'].includes(url.protocol)) {
    throw outboundFaults.url('a URL to fetch from must be complete: http://… or https://…')
  }
  if (url.username || url.password) {
    throw outboundFaults.url('a URL to fetch from must not carry user or password')
  }
  return url
}

function follow(from: URL, location: string | string[] | undefined): URL {
  const next = typeof location === 'string' ? URL.parse(location, from.href) : null
  if (!next) throw outboundFaults.redirects(`${shownUrl(from)} redirects to nowhere`)
  if (from.protocol === 'https:' && next.protocol === 'http:') {
    throw outboundFaults.redirects(
      `${shownUrl(from)} redirects from https to http, where anybody could change the content`,
    )
  }
  return checkUrl(next.href)
}

async function readAtMost(
  body: AsyncIterable<Uint8Array>,
  maxBytes: number,
  url: URL,
): Promise<Uint8Array<ArrayBuffer>> {
  const pieces: Uint8Array[] = []
  let sizeBytes = 0
  for await (const piece of body) {
    sizeBytes += piece.byteLength
    if (sizeBytes > maxBytes) {
      throw outboundFaults.tooLarge(`${shownUrl(url)} is larger than ${maxBytes} bytes`)
    }
    pieces.push(piece)
  }
  const bytes = new Uint8Array(sizeBytes)
  let at = 0
  for (const piece of pieces) {
    bytes.set(piece, at)
    at += piece.byteLength
  }
  return bytes
}

function told(error: unknown, url: URL, timedOut: boolean): unknown {
  if (error instanceof Fault) return error
  if (timedOut) {
    return outboundFaults.slow(`${shownUrl(url)} did not answer in time`, { cause: error })
  }
  if (!(error instanceof Error)) return error
  const code = 'code' in error && typeof error.code === 'string' ? ` (${error.code})` : ''
  return outboundFaults.unreachable(`${shownUrl(url)} can not be fetched${code}`, { cause: error })
}
