// SPDX-License-Identifier: AGPL-3.0-or-later

import { sentence } from '../../core/faults.ts'
import { shownUrl } from '../../core/outbound-guard.ts'
import { undici } from '../../core/undici.ts'
import { MINUTE, SECOND } from '../../core/units.ts'
import { mediaFaults } from './faults.ts'

const MOST_REDIRECTS = 3
const REDIRECTS = new Set([301, 302, 303, 307, 308])

/** Credentials of the configured URL; they go to its own origin only. */
function authorizationFor(from: URL, to: URL): Record<string, string> {
  if (from.username === '' || from.origin !== to.origin) return {}
  const pair = `${decodeURIComponent(from.username)}:${decodeURIComponent(from.password)}`
  return { authorization: `Basic ${Buffer.from(pair).toString('base64')}` }
}

function redirectTarget(from: URL, location: unknown): URL {
  const to = URL.parse(String(location ?? ''), from.href)
  const downgraded = from.protocol === 'https:' && to?.protocol !== 'https:'
  if (to && /^https?:$/.test(to.protocol) && !downgraded) return to
  throw mediaFaults.source(`${shownUrl(from)} redirects to a place that is no ${from.protocol} URL`)
}

/**
 * Opens a large file on the web. `use` gets the body, which throws when it breaks off, and its
 * length when the server said one. Throws `media.source`.
 */
export async function download<T>(
  url: string,
  signal: AbortSignal,
  use: (body: AsyncIterable<Uint8Array>, announcedBytes: number) => Promise<T>,
): Promise<T> {
  // An agent of its own: closing it ends the connection even when `use` took half of the body.
  const dispatcher = new (undici().Agent)({ headersTimeout: 30 * SECOND, bodyTimeout: MINUTE })
  const first = new URL(url)
  try {
    for (let at = first, hops = 0; ; hops++) {
      const target = new URL(at.origin + at.pathname + at.search)
      const headers = { 'accept-encoding': 'identity', ...authorizationFor(first, at) }
      const answer = await undici()
        .request(target, { dispatcher, signal, headers })
        .catch((cause: unknown) => {
          const why = sentence(cause)
          throw mediaFaults.source(`${shownUrl(at)} can not be fetched: ${why}`, { cause })
        })
      if (answer.statusCode === 200) {
        return await use(answer.body, Number(answer.headers['content-length'] ?? 0))
      }
      answer.body.on('error', () => undefined).destroy()
      if (!REDIRECTS.has(answer.statusCode) || hops === MOST_REDIRECTS) {
        const what =
          hops === MOST_REDIRECTS ? 'redirects too often' : `answers ${answer.statusCode}`
        throw mediaFaults.source(`${shownUrl(at)} ${what}`)
      }
      at = redirectTarget(at, answer.headers['location'])
    }
  } finally {
    await dispatcher.destroy()
  }
}
