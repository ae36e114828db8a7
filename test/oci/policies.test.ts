// SPDX-License-Identifier: AGPL-3.0-or-later
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { type RunningAppliance, startAppliance } from '../harness.ts'
import { type AccessBed, accessBed, basic, type Image } from './access-bed.ts'

let running: RunningAppliance
let bed: AccessBed
let debian: Image
let secret: Image
let admin: string
const logins: Record<string, string> = {}

beforeAll(async () => {
  running = await startAppliance()
  bed = accessBed(running)
  admin = `Bearer ${running.adminToken}`
  debian = await bed.pushImage('os/debian', '13')
  secret = await bed.pushImage('secret/keys', '1')
  await bed.pushImage('tools/partition', '1')
  logins['vera'] = await bed.addUser('vera', 'viewer')
  logins['olga'] = await bed.addUser('olga', 'operator')
  logins['ivan'] = await bed.addUser('ivan', 'viewer', ['imaging'])
})
afterAll(() => running[Symbol.asyncDispose]())

const put = (name: string, policy: object) =>
  bed.ask('PUT', `/api/v1/oci/policies/${name}`, {
    ...{ authorization: admin, body: JSON.stringify(policy) },
  })
const remove = (name: string) =>
  bed.ask('DELETE', `/api/v1/oci/policies/${name}`, { authorization: admin })
const status = async (who: string, method: string, path: string) => {
  const authorization = logins[who]
  return (await bed.ask(method, path, authorization ? { authorization } : {})).status
}
const catalog = async (who: string) => {
  const { json } = await bed.ask('GET', '/v2/_catalog', { authorization: logins[who] ?? '' })
  return json.repositories
}

const manifest = '/v2/os/debian/manifests/13'
const upload = '/v2/os/debian/blobs/uploads/'

test('without policies the roles decide', async () => {
  expect(await status('vera', 'GET', manifest)).toBe(200)
  expect(await status('vera', 'POST', upload)).toBe(403)
  expect(await status('olga', 'POST', upload)).toBe(202)
  expect(await status('olga', 'DELETE', manifest)).toBe(403)
  expect(await status('nobody', 'GET', manifest)).toBe(401)
  expect(await catalog('vera')).toEqual(['os/debian', 'secret/keys', 'tools/partition'])
})

test('a policy is made, seen, changed and taken away, by admins alone', async () => {
  const policy = { repositories: ['a/**'], users: ['vera'], actions: ['pull'] }
  const made = await put('first', policy)
  expect([made.status, made.json]).toEqual([
    200,
    {
      ...{ name: 'first', ...policy, groups: [], jobs: [], changed_by: 'admin' },
      changed_at: expect.any(String),
    },
  ])
  await put('first', { ...policy, actions: ['push'] })
  const one = await bed.ask('GET', '/api/v1/oci/policies/first', { authorization: admin })
  expect(one.json.actions).toEqual(['push'])
  const all = await bed.ask('GET', '/api/v1/oci/policies', { authorization: admin })
  expect(all.json).toEqual({ policies: [one.json], anonymous_pull: [] })
  for (const who of ['vera', 'olga']) {
    expect(await status(who, 'GET', '/api/v1/oci/policies')).toBe(403)
    expect(await status(who, 'DELETE', '/api/v1/oci/policies/first')).toBe(403)
  }
  expect((await remove('first')).status).toBe(204)
  expect((await remove('first')).status).toBe(404)
})

test.each([
  { name: 'no repositories', policy: { repositories: [], actions: ['pull'] } },
  { name: 'no actions', policy: { repositories: ['a'], actions: [] } },
  { name: 'an action that there is not', policy: { repositories: ['a'], actions: ['fly'] } },
  { name: 'a job that is none', policy: { repositories: ['a'], jobs: ['x'], actions: ['pull'] } },
  { name: 'an unknown field', policy: { repositories: ['a'], deny: true, actions: ['pull'] } },
])('a policy with $name is refused', async ({ policy }) => {
  const refused = await put('bad', policy)
  expect([refused.status, refused.json.error]).toEqual([400, 'invalid_request'])
})

test('a policy with a name that is none is refused', async () => {
  const refused = await put('..%2Fetc', { repositories: ['a'], actions: ['pull'] })
  expect([refused.status, refused.json.code]).toEqual([400, 'oci.policy-name'])
})

describe('where policies name a repository', () => {
  beforeAll(async () => {
    const imaging = { groups: ['imaging'], actions: ['pull', 'push'] }
    await put('images', { repositories: ['os/*'], ...imaging })
    await put('secret', { repositories: ['secret/**'], actions: ['pull'] })
  })
  afterAll(async () => {
    await remove('images')
    await remove('secret')
  })

  test('only those whom they name may, for what they name, and admins', async () => {
    expect(await status('ivan', 'GET', manifest)).toBe(200)
    expect(await status('ivan', 'POST', upload)).toBe(202)
    expect(await status('ivan', 'GET', '/v2/os/debian/tags/list')).toBe(403)
    expect(await status('vera', 'GET', manifest)).toBe(403)
    expect(await status('olga', 'POST', upload)).toBe(403)
    expect((await bed.ask('GET', manifest, { authorization: admin })).status).toBe(200)
  })

  test('a policy for nobody leaves it to admins', async () => {
    expect(await status('olga', 'GET', '/v2/secret/keys/manifests/1')).toBe(403)
    const authorization = basic('admin', running.adminToken)
    expect((await bed.ask('GET', '/v2/secret/keys/manifests/1', { authorization })).status).toBe(
      200,
    )
  })

  test('the catalog shows what may be listed and nothing else', async () => {
    expect(await catalog('vera')).toEqual(['tools/partition'])
    const { json } = await bed.ask('GET', '/v2/_catalog', { authorization: admin })
    expect(json.repositories).toEqual(['os/debian', 'secret/keys', 'tools/partition'])
  })

  test('the API hides what may not be seen, as if it were not there', async () => {
    const api = '/api/v1/oci'
    const names = async (who: string, limit = 100) => {
      const authorization = logins[who] ?? ''
      const { json } = await bed.ask('GET', `${api}/repositories?limit=${limit}`, { authorization })
      return json.repositories.map(({ name }: { name: string }) => name)
    }
    expect(await names('vera')).toEqual(['tools/partition'])
    // The first that may be seen stands behind two that may not.
    expect(await names('vera', 1)).toEqual(['tools/partition'])
    const debian = `${api}/repositories/os%2Fdebian`
    const absent = `${api}/repositories/os%2Fnothing`
    for (const path of ['', '/tags', '/manifests/13', '/tags/13/history']) {
      expect([path, await status('vera', 'GET', debian + path)]).toEqual([path, 404])
      expect([path, await status('vera', 'GET', absent + path)]).toEqual([path, 404])
    }
    expect(await status('ivan', 'GET', `${debian}/manifests/13`)).toBe(200)
    expect(await status('ivan', 'GET', `${debian}/tags`)).toBe(404)
    await bed.ask('POST', upload, { authorization: logins['ivan'] ?? '' })
    const seen = await bed.ask('GET', `${api}/uploads`, { authorization: logins['vera'] ?? '' })
    expect(seen.json.uploads).toEqual([])
    const all = await bed.ask('GET', `${api}/uploads`, { authorization: admin })
    expect(all.json.uploads.length).toBeGreaterThan(0)
  })

  test('reports of the collection name no repository that may not be seen', async () => {
    const [api, authorization] = ['/api/v1/oci', logins['vera'] ?? '']
    await bed.pushBlob('secret/keys')
    const body = JSON.stringify({ dry_run: true, grace_seconds: 0 })
    const started = await bed.ask('POST', `${api}/gc`, { authorization: admin, body })
    const path = `${api}/tasks/${started.json.id}`
    let whole = await bed.ask('GET', path, { authorization: admin })
    while (whole.json.state === 'running') {
      await Bun.sleep(1)
      whole = await bed.ask('GET', path, { authorization: admin })
    }
    expect(JSON.stringify(whole.json.result.items)).toContain('secret/keys')
    for (const place of [path, `${api}/tasks`, `${api}/gc`, `${api}/findings`]) {
      const told = await bed.ask('GET', place, { authorization })
      expect([place, told.status]).toEqual([place, 200])
      expect(JSON.stringify(told.json)).not.toContain('secret')
    }
    const events = await bed.ask('GET', `${path}/events`, { authorization })
    expect([events.status, events.json]).toEqual([200, undefined])
    const own = await bed.ask('GET', path, { authorization })
    expect(own.json.result.links).toBe(whole.json.result.links)
  })

  test('a mount from where one may not pull is as if nothing were there', async () => {
    const from = (digest: string) => `/v2/mine/x/blobs/uploads/?mount=${digest}&from=secret/keys`
    const authorization = logins['olga'] ?? ''
    const hidden = await bed.ask('POST', from(secret.layer), { authorization })
    const absent = await bed.ask('POST', from(`sha256:${'0'.repeat(64)}`), { authorization })
    expect([hidden.status, absent.status]).toEqual([202, 202])
    expect([...hidden.headers.keys()].toSorted()).toEqual([...absent.headers.keys()].toSorted())
    // Neither does a mount without a source find what is hidden.
    const anywhere = `/v2/mine/x/blobs/uploads/?mount=${secret.layer}`
    expect((await bed.ask('POST', anywhere, { authorization })).status).toBe(202)
    const readable = `/v2/tools/x/blobs/uploads/?mount=${debian.layer}&from=os/debian`
    const ivan = {
      authorization: await bed.token(admin, 'repository:tools/x:push repository:os/debian:pull'),
    }
    expect((await bed.ask('POST', readable, ivan)).status).toBe(201)
  })

  test('a change counts for the next request, with a password and with a token', async () => {
    const authorization = await bed.token(logins['ivan'], 'repository:os/debian:pull')
    expect((await bed.ask('GET', manifest, { authorization })).status).toBe(200)
    await put('images', { repositories: ['os/*'], users: ['vera'], actions: ['pull'] })
    expect((await bed.ask('GET', manifest, { authorization })).status).toBe(403)
    expect(await status('ivan', 'GET', manifest)).toBe(403)
    expect(await status('vera', 'GET', manifest)).toBe(200)
  })
})

test('policies live through a restart', async () => {
  await using first = await startAppliance()
  const before = accessBed(first)
  await before.pushImage('os/debian', '13')
  const authorization = await before.addUser('olga', 'operator')
  await first.send('PUT', '/api/v1/oci/policies/os', { repositories: ['os/*'], actions: ['pull'] })
  await first.stop()
  const second = await startAppliance({ dataDir: first.dataDir })
  expect((await accessBed(second).ask('GET', manifest, { authorization })).status).toBe(403)
  await second.stop()
})
