// SPDX-License-Identifier: AGPL-3.0-or-later
import type { MiddlewareHandler } from 'hono'
import type { ApiEnv } from '../http/env.ts'
import type { Auth } from './auth.ts'

/** Sets `principal`. Reading needs a viewer, everything else an operator; a route may ask for more. */
export const requireLogin =
  (auth: Auth): MiddlewareHandler<ApiEnv> =>
  async (c, next) => {
    const address = c.get('clientAddress') ?? ''
    const principal = await auth.authenticate(c.req.header('authorization'), address)
    // Before the role is judged: who was refused must be known too.
    c.set('principal', principal)
    auth.require(principal, ['GET', 'HEAD'].includes(c.req.method) ? 'viewer' : 'operator')
    await next()
  }
