// SPDX-License-Identifier: AGPL-3.0-or-later
import type { MiddlewareHandler } from 'hono'
import type { ApiEnv } from './env.ts'

/** What a listener hands to `app.fetch(request, env)`. All absent under `app.request()`. */
export interface ListenerEnv {
  readonly clientAddress?: string
  /** With the address it names the connection; absent where the listener can not tell. */
  readonly clientPort?: number
  readonly clientCertificateName?: string
  /** Takes the limit on silence off this request: a handler may work for long before it answers. */
  readonly keepOpen?: () => void
  /** As @hono/node-server hands it. */
  readonly incoming?: { readonly socket?: { readonly remoteAddress?: string } }
}

const GIVEN_ID = /^[\w.:-]{1,64}$/

/** Sets request id and caller on every request; the id comes back as `X-Request-Id`. */
export const requestContext: MiddlewareHandler<ApiEnv> = async (c, next) => {
  const env = (c.env ?? {}) as ListenerEnv
  const given = c.req.header('x-request-id')
  const id = given && GIVEN_ID.test(given) ? given : crypto.randomUUID()
  c.set('requestId', id)
  c.set('clientAddress', env.clientAddress ?? env.incoming?.socket?.remoteAddress ?? '')
  c.set('clientCertificateName', env.clientCertificateName)
  await next()
  // Hono answers a HEAD by its GET and drops the body: a stream would wait for its reader for ever.
  if (c.req.method === 'HEAD') await c.res.body?.cancel()
  c.res.headers.set('X-Request-Id', id)
  c.res.headers.set('X-Content-Type-Options', 'nosniff')
}
