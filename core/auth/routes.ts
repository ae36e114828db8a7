// SPDX-License-Identifier: AGPL-3.0-or-later
import { Hono, type MiddlewareHandler } from 'hono'
import { UserInput, UserPatch, type WhoamiView } from '../../schemas/user.ts'
import type { ApiEnv } from '../http/env.ts'
import { readJson } from '../http/read-json.ts'
import { KiB } from '../units.ts'
import type { Auth } from './auth.ts'
import type { Users } from './users.ts'

const LARGEST_BODY = 16 * KiB

/** `/api/v1/users`, for admins, and `/api/v1/whoami`. They stand behind `requireLogin`. */
export function userRoutes({ users, auth }: { users: Users; auth: Auth }): Hono<ApiEnv> {
  const adminOnly: MiddlewareHandler<ApiEnv> = async (c, next) => {
    auth.require(c.get('principal'), 'admin')
    await next()
  }
  return new Hono<ApiEnv>()
    .get('/api/v1/whoami', (c) => {
      const { name, role, by, groups } = c.get('principal')
      return c.json({
        ...{ name, role, by },
        ...(groups ? { groups: [...groups] } : {}),
      } satisfies WhoamiView)
    })
    .use('/api/v1/users', adminOnly)
    .use('/api/v1/users/:name', adminOnly)
    .get('/api/v1/users', async (c) => c.json({ users: await users.list() }))
    .post('/api/v1/users', async (c) => {
      const input = await readJson(c, UserInput, LARGEST_BODY)
      c.set('audited', { user: input.name })
      return c.json(await users.create(input), 201)
    })
    .patch('/api/v1/users/:name', async (c) => {
      const patch = await readJson(c, UserPatch, LARGEST_BODY)
      return c.json(await users.change(c.req.param('name'), patch))
    })
    .delete('/api/v1/users/:name', async (c) => {
      await users.remove(c.req.param('name'))
      return c.body(null, 204)
    })
}
