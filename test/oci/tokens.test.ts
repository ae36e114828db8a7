// SPDX-License-Identifier: AGPL-3.0-or-later
/** Section 1.8: tokens, as docker, containerd and podman get them. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { type RunningAppliance, startAppliance } from '../harness.ts'
import { artifactOf, EMPTY_JSON, freshBytes } from './content.ts'
import { oddities } from './oddities.ts'
import {
  addUser,
  freshName,
  plainOrigin,
  type Registry,
  type Reply,
  registryAt,
} from './registry.ts'

let running: RunningAppliance
let nobody: Registry
let admin: Registry
let logins: { readonly viewer: string; readonly operator: string }
const MINE = freshName('mine')
const SECRET = freshName('secret')

beforeAll(async () => {
  oddities.clear()
  const set = ['server.local=127.0.0.1:0', 'oci.auth=token', 'auth.login_failures=100']
  running = await startAppliance({ set })
  const origin = plainOrigin(running)
  nobody = registryAt(origin)
  admin = registryAt(origin, await addUser(running, 'ada', 'admin'))
  logins = {
    viewer: await addUser(running, 'vera', 'viewer'),
    operator: await addUser(running, 'otto', 'operator'),
  }
  for (const name of [MINE, SECRET]) {
    await admin.pushImage(name, { tag: 'v1' })
    await admin.pushBlob(name, EMPTY_JSON)
  }
  const { status } = await running.send('PUT', '/api/v1/oci/policies/secret', {
    repositories: [SECRET],
    users: ['eve'],
    actions: ['pull'],
  })
  expect(status).toBe(200)
})
afterAll(() => running[Symbol.asyncDispose]())

/** `Bearer realm="…",service="…",scope="…"` taken apart. */
function challengeOf({ headers }: Reply) {
  const text = headers.get('www-authenticate') ?? ''
  const fields = [...text.matchAll(/(\w+)="([^"]*)"/g)].map(([, key = '', value = '']) => [
    key,
    value,
  ])
  return { text, ...Object.fromEntries(fields) } as Readonly<Record<string, string>>
}

/** Asks where the challenge says, as clients do. */
async function ask(authorization: string, scopes: readonly string[], more = ''): Promise<Reply> {
  const { realm = '', service = '' } = challengeOf(await nobody.call('GET', '/v2/'))
  const query = [`service=${encodeURIComponent(service)}`, 'client_id=test', 'account=vera']
  const asked = scopes.map((scope) => `scope=${encodeURIComponent(scope)}`)
  const url = `${realm}?${[...query, ...asked].join('&')}${more}`
  return nobody.call('GET', url, { headers: { Authorization: authorization } })
}

async function bearer(authorization: string, ...scopes: string[]): Promise<Registry> {
  const { status, json } = await ask(authorization, scopes)
  expect(status).toBe(200)
  return registryAt(nobody.origin, `Bearer ${json.token}`)
}

test('a call without a login is told where to get which token', async () => {
  const base = challengeOf(await nobody.call('GET', '/v2/'))
  expect(base['text']).toMatch(/^Bearer /)
  expect(base).toMatchObject({
    realm: expect.stringMatching(/^https?:\/\/.+\/token/),
    service: expect.stringMatching(/.+/),
  })
  const pull = challengeOf(await nobody.call('GET', `/v2/${MINE}/manifests/v1`))
  expect(pull['scope']).toBe(`repository:${MINE}:pull`)
  const push = challengeOf(await nobody.call('POST', `/v2/${MINE}/blobs/uploads/`))
  expect(push['scope']).toBe(`repository:${MINE}:pull,push`)
})

test('a token is given for a password, and is good for what it was asked for', async () => {
  const { json, status } = await ask(logins.operator, [`repository:${MINE}:pull,push`])
  expect(status).toBe(200)
  expect(json.token).toBeString()
  expect(json.access_token).toBe(json.token)
  expect(json.expires_in).toBeGreaterThanOrEqual(60)
  const own = registryAt(nobody.origin, `Bearer ${json.token}`)
  expect((await own.call('GET', `/v2/${MINE}/manifests/v1`)).status).toBe(200)
  expect((await own.putManifest(MINE, 'v2', artifactOf('application/x'))).status).toBe(201)
})

test('an answer with a token tells no time of day', async () => {
  const { json } = await ask(logins.viewer, [])
  expect(Object.keys(json)).not.toContain('issued_at')
})

test('a token carries what was asked and granted, no more', async () => {
  // A viewer asks for too much, and gets what a viewer may.
  const viewer = await bearer(logins.viewer, `repository:${MINE}:pull,push,delete`)
  expect((await viewer.call('GET', `/v2/${MINE}/manifests/v1`)).status).toBe(200)
  const push = await viewer.call('POST', `/v2/${MINE}/blobs/uploads/`)
  expect([401, 403]).toContain(push.status)
  // An operator asks for less than an operator may.
  const reader = await bearer(logins.operator, `repository:${MINE}:pull`)
  const refused = await reader.call('POST', `/v2/${MINE}/blobs/uploads/`)
  expect([401, 403]).toContain(refused.status)
  // And a token for one repository opens no other.
  const other = await reader.call('GET', `/v2/${freshName()}/tags/list`)
  expect([401, 403]).toContain(other.status)
})

test('a token without a scope is good for logging in alone', async () => {
  const own = await bearer(logins.operator)
  expect((await own.call('GET', '/v2/')).status).toBe(200)
  const pull = await own.call('GET', `/v2/${MINE}/manifests/v1`)
  expect(pull.status).toBe(401)
  expect(challengeOf(pull)['scope']).toBe(`repository:${MINE}:pull`)
})

test('a token for reading is told what it lacks to push', async () => {
  const own = await bearer(logins.operator, `repository:${MINE}:pull`)
  const reply = await own.call('POST', `/v2/${MINE}/blobs/uploads/`)
  expect(reply.status).toBe(401)
  expect(challengeOf(reply)).toMatchObject({
    error: 'insufficient_scope',
    scope: `repository:${MINE}:pull,push`,
  })
})

test('one token for two repositories mounts a blob from one into the other', async () => {
  const [from, to] = [freshName(), freshName()]
  const digest = await admin.pushBlob(from, freshBytes())
  const own = await bearer(logins.operator, `repository:${from}:pull`, `repository:${to}:pull,push`)
  const url = `/v2/${to}/blobs/uploads/?mount=${digest}&from=${from}`
  expect((await own.call('POST', url)).status).toBe(201)
  const blank = await bearer(logins.operator, `repository:${from}:pull repository:${to}:push,pull`)
  expect((await blank.call('POST', url)).status).toBe(201)
})

test('a token is given for a form too, with its scope', async () => {
  const { realm = '', service = '' } = challengeOf(await nobody.call('GET', '/v2/'))
  const form = new URLSearchParams({
    grant_type: 'password',
    username: 'otto',
    password: 'correct horse otto',
    client_id: 'test',
    service,
    scope: `repository:${MINE}:pull`,
  })
  const reply = await nobody.call('POST', realm, {
    body: form.toString(),
    headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
  })
  expect(reply.status).toBe(200)
  expect(reply.json.scope).toContain(`repository:${MINE}:pull`)
  const own = registryAt(nobody.origin, `Bearer ${reply.json.access_token}`)
  expect((await own.call('GET', `/v2/${MINE}/tags/list`)).status).toBe(200)
})

test('a refresh token gives further tokens', async () => {
  const none = await ask(logins.operator, [])
  expect(none.json.refresh_token).toBeUndefined()
  const { json } = await ask(logins.operator, [], '&offline_token=true')
  expect(json.refresh_token).toBeString()
  const { realm = '', service = '' } = challengeOf(await nobody.call('GET', '/v2/'))
  const form = new URLSearchParams({
    grant_type: 'refresh_token',
    refresh_token: json.refresh_token,
    client_id: 'test',
    service,
    scope: `repository:${MINE}:pull`,
  })
  const reply = await nobody.call('POST', realm, {
    body: form.toString(),
    headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
  })
  expect(reply.status).toBe(200)
  const own = registryAt(nobody.origin, `Bearer ${reply.json.access_token}`)
  expect((await own.call('GET', `/v2/${MINE}/tags/list`)).status).toBe(200)
})

test.each([
  ['a wrong password', () => `Basic ${btoa('otto:wrong')}`],
  ['an unknown user', () => `Basic ${btoa('mallory:x')}`],
])('%s gets no token', async (_, header) => {
  const { status, codes } = await ask(header(), [`repository:${MINE}:pull`])
  expect({ status, codes }).toEqual({ status: 401, codes: ['UNAUTHORIZED'] })
})

test.each([
  ['cut off', (token: string) => token.slice(0, -10)],
  ['with another signature', (token: string) => `${token.slice(0, -6)}AAAAAA`],
  [
    'without a signature',
    (token: string) => `${btoa('{"alg":"none"}').replaceAll('=', '')}.${token.split('.')[1]}.`,
  ],
  ['of words', () => 'words'],
])('a token %s is refused', async (_, spoil) => {
  const { json } = await ask(logins.operator, [`repository:${MINE}:pull`])
  const own = registryAt(nobody.origin, `Bearer ${spoil(json.token)}`)
  const reply = await own.call('GET', `/v2/${MINE}/tags/list`)
  expect([reply.status, reply.codes]).toEqual([401, ['UNAUTHORIZED']])
  expect(challengeOf(reply)['text']).toMatch(/^Bearer /)
})

test('basic is taken too where tokens are asked for', async () => {
  expect((await admin.call('GET', '/v2/')).status).toBe(200)
})

describe('what a caller may not see', () => {
  test('a mount from a repository that the caller may not pull is an upload like any', async () => {
    const otto = registryAt(nobody.origin, logins.operator)
    const digest = await admin.pushBlob(SECRET, freshBytes())
    const to = freshName()
    for (const query of [`mount=${digest}&from=${SECRET}`, `mount=${digest}`]) {
      const reply = await otto.call('POST', `/v2/${to}/blobs/uploads/?${query}`)
      expect([query, reply.status]).toEqual([query, 202])
    }
    expect((await otto.call('HEAD', `/v2/${to}/blobs/${digest}`)).status).toBe(404)
  })

  test('the catalog shows what the caller may list', async () => {
    const otto = registryAt(nobody.origin, logins.operator)
    const all = (await admin.call('GET', '/v2/_catalog')).json.repositories
    expect(all).toEqual(expect.arrayContaining([MINE, SECRET]))
    const some = (await otto.call('GET', '/v2/_catalog')).json.repositories
    expect(some).toContain(MINE)
    expect(some).not.toContain(SECRET)
  })

  test.each(['tags/list', 'manifests/v1', `referrers/sha256:${'a'.repeat(64)}`])(
    '%s of a closed repository is refused',
    async (path) => {
      const otto = registryAt(nobody.origin, logins.operator)
      const reply = await otto.call('GET', `/v2/${SECRET}/${path}`)
      expect([401, 403, 404]).toContain(reply.status)
    },
  )
})

test('every answer about tokens has the form that OCI asks for', () => {
  expect(oddities.found).toEqual([])
})
