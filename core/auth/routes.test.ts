// SPDX-License-Identifier: AGPL-3.0-or-later
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Hono } from 'hono'
import * as v from 'valibot'
import { CoreConfig } from '../config.ts'
import { requestContext } from '../http/context.ts'
import type { ApiEnv } from '../http/env.ts'
import { onError } from '../http/problem.ts'
import { createLog } from '../log.ts'
import { type Db, openDb } from '../store/client.ts'
import { createAuth } from './create-auth.ts'
import { requireLogin } from './require-login.ts'
import { userRoutes } from './routes.ts'

let folder: string
let db: Db
let app: Hono<ApiEnv>
let admin: string
const written: string[] = []

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'slipway-users-'))
  db = await openDb({ url: `file:${join(folder, 'slipway.db')}` })
  await db.migrate(join(import.meta.dir, '../store/migrations'), 'core_migrations')
  const system = await createAuth({
    db,
    now: () => 1_800_000_000_000,
    config: v.parse(CoreConfig, { auth: { login_failures: 1_000 } }).auth,
    adminTokenFile: join(folder, 'admin.token'),
    argon2: {
      hash: async (password) => `cheap:${password}`,
      verify: async (password, hash) => hash === `cheap:${password}`,
    },
  })
  admin = `Bearer ${(await readFile(system.adminToken.path, 'utf8')).trim()}`
  app = new Hono<ApiEnv>()
    .use(requestContext)
    .use('/api/*', requireLogin(system.auth))
    .route('/', userRoutes(system))
    .post('/api/v1/act', (c) => c.json({ by: c.get('principal').name }))
  app.onError(onError(createLog('debug', { write: (line) => void written.push(line) })))
})
afterAll(async () => {
  db[Symbol.dispose]()
  await rm(folder, { recursive: true, force: true })
})

const basic = (name: string, password: string) => `Basic ${btoa(`${name}:${password}`)}`
const send = async (method: string, path: string, authorization?: string, body?: unknown) => {
  const response = await app.request(path, {
    method,
    headers: authorization ? { authorization } : {},
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  return { status: response.status, headers: response.headers, body: text ? JSON.parse(text) : '' }
}

test('a user is made, seen, changed and removed, and the password is never shown', async () => {
  const carol = { name: 'carol', role: 'viewer', password: 'canary-password' }
  const created_at = '2027-01-15T08:00:00.000Z'
  const view = { name: 'carol', role: 'viewer', groups: [], created_at }
  const made = await send('POST', '/api/v1/users', admin, carol)
  expect({ status: made.status, body: made.body }).toEqual({ status: 201, body: view })
  expect((await send('GET', '/api/v1/users', admin)).body).toEqual({ users: [view] })

  const login = basic('carol', carol.password)
  const who = { name: 'carol', role: 'viewer', by: 'basic' }
  expect((await send('GET', '/api/v1/whoami', login)).body).toEqual(who)

  const changed = await send('PATCH', '/api/v1/users/carol', admin, { role: 'admin' })
  expect(changed.body).toEqual({ ...view, role: 'admin' })
  expect((await send('GET', '/api/v1/whoami', login)).body).toEqual({ ...who, role: 'admin' })

  await send('PATCH', '/api/v1/users/carol', admin, { groups: ['imaging'] })
  expect((await send('GET', '/api/v1/users', admin)).body.users).toMatchObject([
    { name: 'carol', role: 'admin', groups: ['imaging'] },
  ])
  expect((await send('GET', '/api/v1/whoami', login)).body).toMatchObject({ groups: ['imaging'] })

  const again = await send('POST', '/api/v1/users', admin, carol)
  expect({ status: again.status, code: again.body.code }).toEqual({
    status: 409,
    code: 'conflict.exists',
  })

  expect((await send('DELETE', '/api/v1/users/carol', login)).status).toBe(204)
  expect((await send('GET', '/api/v1/whoami', login)).status).toBe(401)
  expect((await send('GET', '/api/v1/users', admin)).body).toEqual({ users: [] })
  expect(written.join('')).not.toContain('canary-password')
})

test.each([
  { name: 'a name in upper case', body: { name: 'Bob' }, field: 'name' },
  { name: 'a name with a path', body: { name: '../etc' }, field: 'name' },
  { name: 'a name of 65 characters', body: { name: 'x'.repeat(65) }, field: 'name' },
  {
    name: 'the name of a job’s login',
    body: { name: 'job-0190e4a2-7f3a-7000-8000-000000000001' },
    field: 'name',
  },
  { name: 'a group that is no word', body: { groups: ['a b'] }, field: 'groups[0]' },
  { name: 'an empty name', body: { name: '' }, field: 'name' },
  { name: 'a short password', body: { password: 'canary7' }, field: 'password' },
  { name: 'a role that we do not know', body: { role: 'root' }, field: 'role' },
  { name: 'an unknown field', body: { is_admin: true }, field: 'is_admin' },
])('a user with $name is refused', async ({ body, field }) => {
  const whole = { name: 'bob', role: 'viewer', password: 'long enough', ...body }
  const answer = await send('POST', '/api/v1/users', admin, whole)
  expect(answer.status).toBe(400)
  expect(answer.body.error).toBe('invalid_request')
  expect(answer.body.details[0].field).toBe(field)
  expect(JSON.stringify(answer.body)).not.toContain('canary')
})

test.each([
  { name: 'nothing', method: 'PATCH', path: 'bob', body: {}, status: 400 },
  { name: 'a short password', method: 'PATCH', path: 'bob', body: { password: 'x' }, status: 400 },
  { name: 'an unknown user', method: 'PATCH', path: 'bob', body: { role: 'viewer' }, status: 404 },
  { name: 'the removal of an unknown user', method: 'DELETE', path: 'bob', status: 404 },
])('a change of $name is refused', async ({ method, path, body, status }) => {
  expect((await send(method, `/api/v1/users/${path}`, admin, body)).status).toBe(status)
})

test.each([
  { role: 'viewer', method: 'GET', path: 'whoami', status: 200 },
  { role: 'viewer', method: 'HEAD', path: 'whoami', status: 200 },
  { role: 'viewer', method: 'POST', path: 'act', status: 403 },
  { role: 'operator', method: 'POST', path: 'act', status: 200 },
  { role: 'operator', method: 'GET', path: 'users', status: 403 },
  { role: 'operator', method: 'POST', path: 'users', status: 403 },
  { role: 'operator', method: 'PATCH', path: 'users/op', status: 403 },
  { role: 'operator', method: 'DELETE', path: 'users/op', status: 403 },
  { role: 'admin', method: 'GET', path: 'users', status: 200 },
])('$method $path as $role: $status', async ({ role, method, path, status }) => {
  const user = { name: `a-${role}`, role, password: 'long enough' }
  await send('POST', '/api/v1/users', admin, user)
  const answer = await send(method, `/api/v1/${path}`, basic(user.name, user.password))
  expect(answer.status).toBe(status)
  if (status === 403)
    expect(answer.body).toMatchObject({ error: 'forbidden', code: 'auth.forbidden' })
})

test('without a login the answer is 401 with the ways to log in', async () => {
  const answer = await send('GET', '/api/v1/users')
  expect(answer.status).toBe(401)
  expect(answer.body).toMatchObject({ error: 'unauthorized', code: 'auth.unauthorized' })
  expect(answer.headers.get('www-authenticate')).toContain('Basic realm="slipway"')
})
