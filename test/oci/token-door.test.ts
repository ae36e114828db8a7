// SPDX-License-Identifier: AGPL-3.0-or-later
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { createClock, type RunningAppliance, startAppliance } from '../harness.ts'
import { type AccessBed, accessBed, basic, type Image, PASSWORD } from './access-bed.ts'

let running: RunningAppliance
let bed: AccessBed
let image: Image
let olga: string
let vera: string
const clock = createClock()

beforeAll(async () => {
  const set = ['oci.auth=token', 'oci.anonymous_pull=public/**']
  running = await startAppliance({ clock, set })
  bed = accessBed(running)
  image = await bed.pushImage('os/debian', '13')
  await bed.pushImage('public/hello', 'latest')
  await bed.pushImage('os/other', '1')
  olga = await bed.addUser('olga', 'operator')
  vera = await bed.addUser('vera', 'viewer')
})
afterAll(() => running[Symbol.asyncDispose]())

const manifest = '/v2/os/debian/manifests/13'

/** What a challenge says, by name. */
function challengeOf(headers: Headers): Record<string, string> {
  const text = headers.get('www-authenticate') ?? ''
  const [scheme = ''] = text.split(' ')
  const pairs = [...text.matchAll(/(\w+)="([^"]*)"/g)].map(([, name = '', value = '']) => [
    name,
    value,
  ])
  return { scheme, ...Object.fromEntries(pairs) }
}

const form = (fields: Record<string, string>) => ({
  body: new URLSearchParams(fields).toString(),
  headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
})

describe('the challenge', () => {
  test.each([
    { method: 'GET', path: '/v2/', scope: undefined },
    { method: 'HEAD', path: '/v2/', scope: undefined },
    { method: 'GET', path: manifest, scope: 'repository:os/debian:pull' },
    { method: 'POST', path: '/v2/a/b/blobs/uploads/', scope: 'repository:a/b:pull,push' },
    { method: 'DELETE', path: manifest, scope: 'repository:os/debian:delete' },
    { method: 'GET', path: '/v2/os/debian/tags/list', scope: 'repository:os/debian:pull' },
    { method: 'GET', path: '/v2/_catalog', scope: 'registry:catalog:*' },
  ])('of $method $path is complete: realm, service, scope $scope', async (row) => {
    const refused = await bed.ask(row.method, row.path)
    expect(refused.status).toBe(401)
    expect(refused.headers.get('docker-distribution-api-version')).toBe('registry/2.0')
    expect(challengeOf(refused.headers)).toEqual({
      ...{ scheme: 'Bearer', realm: 'http://localhost/v2/token', service: 'slipway' },
      ...(row.scope === undefined ? {} : { scope: row.scope }),
    })
    if (row.method !== 'HEAD') expect(refused.codes).toEqual(['UNAUTHORIZED'])
  })

  test('names the scope that a token lacks', async () => {
    const refused = await bed.ask('GET', manifest, { authorization: await bed.token(vera) })
    expect(refused.status).toBe(401)
    expect(challengeOf(refused.headers)).toMatchObject({
      ...{ error: 'insufficient_scope', scope: 'repository:os/debian:pull' },
    })
  })

  test('is asked for at /v2/ of those too who may pull something without a login', async () => {
    expect((await bed.ask('GET', '/v2/')).status).toBe(401)
    expect((await bed.ask('GET', '/v2/public/hello/manifests/latest')).status).toBe(200)
  })
})

describe('a token', () => {
  test('comes by GET with a name and a password, and opens what was asked for', async () => {
    const query = 'service=slipway&scope=repository:os/debian:pull&account=vera&client_id=docker'
    const got = await bed.ask('GET', `/v2/token?${query}`, { authorization: vera })
    expect(got.status).toBe(200)
    expect(Object.keys(got.json).toSorted()).toEqual(['access_token', 'expires_in', 'token'])
    expect(got.json.token).toBe(got.json.access_token)
    expect(got.json.expires_in).toBe(300)
    expect(got.headers.get('cache-control')).toBe('no-store')
    const authorization = `Bearer ${got.json.token}`
    expect((await bed.ask('GET', manifest, { authorization })).status).toBe(200)
    const blob = `/v2/os/debian/blobs/${image.layer}`
    expect((await bed.ask('HEAD', blob, { authorization })).status).toBe(200)
    const other = await bed.ask('GET', '/v2/os/other/manifests/1', { authorization })
    expect(other.status).toBe(401)
  })

  test('comes by POST, with the scope that was granted', async () => {
    const got = await bed.ask('POST', '/v2/token', {
      ...form({
        ...{ grant_type: 'password', username: 'vera', password: PASSWORD, service: 'slipway' },
        ...{ client_id: 'containerd', scope: 'repository:os/debian:pull,push' },
      }),
    })
    expect(got.json).toMatchObject({ scope: 'repository:os/debian:pull,list', expires_in: 300 })
    expect(got.json).not.toHaveProperty('issued_at')
    const authorization = `Bearer ${got.json.access_token}`
    expect((await bed.ask('GET', manifest, { authorization })).status).toBe(200)
  })

  test('that asks for too much is given for what is left, and what is refused is 403', async () => {
    const authorization = await bed.token(vera, 'repository:os/debian:pull,push,delete')
    expect((await bed.ask('GET', manifest, { authorization })).status).toBe(200)
    const push = await bed.ask('POST', '/v2/os/debian/blobs/uploads/', { authorization })
    expect([push.status, push.codes]).toEqual([403, ['DENIED']])
  })

  test('for two repositories lets a blob be mounted from one into the other', async () => {
    const mount = `/v2/os/mine/blobs/uploads/?mount=${image.layer}&from=os/debian`
    const both = await bed.token(olga, 'repository:os/mine:pull,push', 'repository:os/debian:pull')
    expect((await bed.ask('POST', mount, { authorization: both })).status).toBe(201)
    // Both in one text, as crane sends them.
    const text = 'repository:os/mine:push,pull repository:os/debian:pull'
    const together = await bed.token(olga, text)
    expect((await bed.ask('POST', mount, { authorization: together })).status).toBe(201)
  })

  test('without the source of a mount is to be widened where its bearer may pull there', async () => {
    const mount = `/v2/os/mine/blobs/uploads/?mount=${image.config}&from=os/debian`
    const both = 'repository:os/mine:pull,push repository:os/debian:pull'
    expect(challengeOf((await bed.ask('POST', mount)).headers)).toMatchObject({ scope: both })
    const narrow = await bed.token(olga, 'repository:os/mine:pull,push')
    const asked = await bed.ask('POST', mount, { authorization: narrow })
    expect(asked.status).toBe(401)
    expect(challengeOf(asked.headers)).toMatchObject({ error: 'insufficient_scope', scope: both })
    const authorization = await bed.token(olga, both)
    expect((await bed.ask('POST', mount, { authorization })).status).toBe(201)
    const absent = mount.replace(image.config, `sha256:${'0'.repeat(64)}`)
    expect((await bed.ask('POST', absent, { authorization })).status).toBe(202)
  })

  test('lets a blob be mounted without a source, from where its bearer may pull', async () => {
    const authorization = await bed.token(olga, 'repository:os/mine:pull,push')
    const mount = `/v2/os/mine/blobs/uploads/?mount=${image.layer}`
    expect((await bed.ask('POST', mount, { authorization })).status).toBe(201)
  })

  test('is not told where a blob is that its bearer may not pull', async () => {
    const hidden = await bed.pushImage('secret/thing', '1')
    const policy = { repositories: ['secret/**'], users: ['vera'], actions: ['pull'] }
    const made = await bed.ask('PUT', '/api/v1/oci/policies/secret', {
      ...{ authorization: `Bearer ${running.adminToken}`, body: JSON.stringify(policy) },
      headers: { 'Content-Type': 'application/json' },
    })
    expect(made.status).toBe(200)
    const authorization = await bed.token(olga, 'repository:os/mine:pull,push')
    const mount = `/v2/os/mine/blobs/uploads/?mount=${hidden.layer}`
    for (const path of [`${mount}&from=secret/thing`, mount]) {
      expect((await bed.ask('POST', path, { authorization })).status).toBe(202)
    }
  })

  test('without a scope is good for /v2/ and nothing else: a login', async () => {
    const authorization = await bed.token(vera)
    expect((await bed.ask('GET', '/v2/', { authorization })).status).toBe(200)
    expect((await bed.ask('GET', '/v2/_catalog', { authorization })).status).toBe(401)
  })

  test('for the catalog shows what its bearer may list', async () => {
    const authorization = await bed.token(vera, 'registry:catalog:*')
    const { json } = await bed.ask('GET', '/v2/_catalog', { authorization })
    expect(json.repositories).toEqual(['os/debian', 'os/mine', 'os/other', 'public/hello'])
    const nobody = await bed.token(undefined, 'registry:catalog:*')
    const open = await bed.ask('GET', '/v2/_catalog', { authorization: nobody })
    expect(open.json.repositories).toEqual(['public/hello'])
  })

  test('for nobody opens what anybody may pull, and asks for a login for the rest', async () => {
    const scopes = ['repository:public/hello:pull,push', 'repository:os/debian:pull']
    const authorization = await bed.token(undefined, ...scopes)
    const open = '/v2/public/hello'
    expect((await bed.ask('GET', `${open}/manifests/latest`, { authorization })).status).toBe(200)
    expect((await bed.ask('GET', `${open}/tags/list`, { authorization })).status).toBe(200)
    expect((await bed.ask('GET', manifest, { authorization })).status).toBe(401)
    expect((await bed.ask('POST', `${open}/blobs/uploads/`, { authorization })).status).toBe(401)
    expect((await bed.ask('GET', '/v2/', { authorization })).status).toBe(200)
  })

  test('opens nothing at the door of the API', async () => {
    const authorization = await bed.token(`Bearer ${running.adminToken}`, 'repository:a:*')
    expect((await bed.ask('GET', '/v2/', { authorization })).status).toBe(200)
    expect((await bed.ask('GET', '/api/v1/jobs', { authorization })).status).toBe(401)
  })

  test('is over after five minutes, by our clock and nobody else’s', async () => {
    const authorization = await bed.token(vera, 'repository:os/debian:pull')
    clock.advance(299_000)
    expect((await bed.ask('GET', manifest, { authorization })).status).toBe(200)
    clock.advance(1_000)
    const over = await bed.ask('GET', manifest, { authorization })
    expect(challengeOf(over.headers)).toMatchObject({ error: 'invalid_token' })
    expect(over.json.errors[0].message).toContain('expired')
  })

  test('that ends in the middle of an upload does not end the upload', async () => {
    const authorization = await bed.token(olga, 'repository:os/slow:pull,push')
    const begun = await bed.ask('POST', '/v2/os/slow/blobs/uploads/', { authorization })
    const bytes = crypto.getRandomValues(new Uint8Array(200_000))
    const body = new ReadableStream<Uint8Array>({
      async pull(controller) {
        controller.enqueue(bytes.subarray(0, 100_000))
        clock.advance(400_000)
        controller.enqueue(bytes.subarray(100_000))
        controller.close()
      },
    })
    const path = begun.headers.get('location') ?? ''
    const patched = await bed.ask('PATCH', path, { authorization, body })
    expect(patched.status).toBe(202)
    expect(patched.headers.get('range')).toBe('0-199999')
    expect((await bed.ask('GET', path, { authorization })).status).toBe(401)
  })
})

describe('a refresh token', () => {
  const login = async (authorization: string) => {
    const got = await bed.ask('GET', '/v2/token?offline_token=true', { authorization })
    expect(got.status).toBe(200)
    return got.json.refresh_token as string | undefined
  }
  const refresh = (token: string, scope = 'repository:os/debian:pull') =>
    bed.ask('POST', '/v2/token', form({ grant_type: 'refresh_token', refresh_token: token, scope }))

  test('comes only when it is asked for, in both forms', async () => {
    const plain = await bed.ask('GET', '/v2/token', { authorization: vera })
    expect(plain.json).not.toHaveProperty('refresh_token')
    expect(await login(vera)).toMatch(/^[0-9a-f]{64}$/)
    const password = { grant_type: 'password', username: 'vera', password: PASSWORD }
    const posted = await bed.ask('POST', '/v2/token', form({ ...password, access_type: 'offline' }))
    expect(posted.json.refresh_token).toMatch(/^[0-9a-f]{64}$/)
  })

  test('is traded for a token that opens what its user may', async () => {
    const token = (await login(vera)) ?? ''
    const got = await refresh(token, 'repository:os/debian:pull,push')
    expect(got.json.scope).toBe('repository:os/debian:pull,list')
    const authorization = `Bearer ${got.json.access_token}`
    expect((await bed.ask('GET', manifest, { authorization })).status).toBe(200)
  })

  test('lives through months as long as somebody uses it, and then no more', async () => {
    const token = (await login(vera)) ?? ''
    const day = 86_400_000
    for (let month = 0; month < 5; month++) {
      clock.advance(60 * day)
      expect((await refresh(token)).status).toBe(200)
    }
    clock.advance(91 * day)
    expect((await refresh(token)).status).toBe(401)
  })

  test.each([
    { name: 'an unknown one', token: async () => 'f'.repeat(64) },
    { name: 'none', token: async () => '' },
    {
      name: 'one whose user has another password',
      token: async () => {
        const token = await login(await bed.addUser('ruth', 'viewer'))
        const authorization = `Bearer ${running.adminToken}`
        const body = JSON.stringify({ password: 'quite another' })
        await bed.ask('PATCH', '/api/v1/users/ruth', { authorization, body })
        return token ?? ''
      },
    },
    {
      name: 'one whose user is gone',
      token: async () => {
        const token = await login(await bed.addUser('ralf', 'viewer'))
        const authorization = `Bearer ${running.adminToken}`
        await bed.ask('DELETE', '/api/v1/users/ralf', { authorization })
        return token ?? ''
      },
    },
  ])('is refused when it is $name', async ({ token }) => {
    const refused = await refresh(await token())
    expect([refused.status, refused.codes]).toEqual([401, ['UNAUTHORIZED']])
  })

  test('of another store than ours is not written there: only its digest', async () => {
    const token = (await login(vera)) ?? ''
    const { rows } = await running.appliance.db.client.execute('select * from oci_refresh_tokens')
    expect(rows.length).toBeGreaterThan(0)
    expect(JSON.stringify(rows)).not.toContain(token)
  })
})

test.each([
  { name: 'another service', path: '/v2/token?service=elsewhere', status: 400 },
  { name: 'a wrong password', path: '/v2/token', login: ['vera', 'wrong'], status: 401 },
  { name: 'an unknown name', path: '/v2/token', login: ['nobody', PASSWORD], status: 401 },
] as const)('the token endpoint refuses $name with $status', async ({ path, status, ...row }) => {
  const [name, password] = 'login' in row ? row.login : ['vera', PASSWORD]
  const refused = await bed.ask('GET', path, { authorization: basic(name, password) })
  expect(refused.status).toBe(status)
  if (status === 401) expect(challengeOf(refused.headers)['scheme']).toBe('Basic')
})

test.each([
  { name: 'an unknown grant', fields: { grant_type: 'magic' }, status: 400 },
  { name: 'no grant', fields: {}, status: 400 },
  { name: 'another service', fields: { grant_type: 'password', service: 'x' }, status: 400 },
  { name: 'a wrong password', fields: { grant_type: 'password', username: 'v' }, status: 401 },
  { name: 'a form of 20 KiB', fields: { grant_type: 'x'.repeat(20_000) }, status: 413 },
])('a form with $name is refused with $status', async ({ fields, status }) => {
  const given = Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, `${value}`]))
  const refused = await bed.ask('POST', '/v2/token', form(given))
  expect(refused.status).toBe(status)
  expect(refused.codes).toHaveLength(1)
})

describe('a token dies with the change of its user, at once', () => {
  test.each([
    { name: 'a new password', method: 'PATCH', body: { password: 'quite another' } },
    { name: 'another role', method: 'PATCH', body: { role: 'operator' } },
    { name: 'another group', method: 'PATCH', body: { groups: ['imaging'] } },
    { name: 'its removal', method: 'DELETE', body: undefined },
  ])('$name', async ({ name, method, body }) => {
    const user = `user-${name.length}-${method.toLowerCase()}`
    const login = await bed.addUser(user, 'viewer')
    const authorization = await bed.token(login, 'repository:os/debian:pull')
    expect((await bed.ask('GET', manifest, { authorization })).status).toBe(200)
    const admin = `Bearer ${running.adminToken}`
    await bed.ask(method, `/api/v1/users/${user}`, {
      authorization: admin,
      ...(body ? { body: JSON.stringify(body) } : {}),
    })
    const refused = await bed.ask('GET', manifest, { authorization })
    expect(refused.status).toBe(401)
    expect(refused.json.errors[0].message).toContain('log in again')
  })
})

test('by name and password alone everything works too, whatever is asked for', async () => {
  expect((await bed.ask('GET', manifest, { authorization: vera })).status).toBe(200)
  const authorization = basic('admin', running.adminToken)
  expect((await bed.ask('GET', '/v2/_catalog', { authorization })).status).toBe(200)
})
