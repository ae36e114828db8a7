// SPDX-License-Identifier: AGPL-3.0-or-later
/** Section 1.8: who may come in, by name and password. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { type RunningAppliance, startAppliance } from '../harness.ts'
import { artifactOf, EMPTY_JSON, freshBytes, missingDigest } from './content.ts'
import { oddities } from './oddities.ts'
import { addUser, freshName, plainOrigin, type Registry, registryAt } from './registry.ts'

let running: RunningAppliance
let [viewer, operator, admin, nobody]: Registry[] = []
const as = (registry: Registry | undefined): Registry => {
  if (!registry) throw new Error('the appliance starts before the first test')
  return registry
}

beforeAll(async () => {
  oddities.clear()
  running = await startAppliance({ set: ['server.local=127.0.0.1:0', 'auth.login_failures=50'] })
  const at = plainOrigin(running)
  viewer = registryAt(at, await addUser(running, 'vera', 'viewer'))
  operator = registryAt(at, await addUser(running, 'otto', 'operator'))
  admin = registryAt(at, await addUser(running, 'ada', 'admin'))
  nobody = registryAt(at)
})
afterAll(() => running[Symbol.asyncDispose]())

const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`

test.each([
  ['GET', '/v2/'],
  ['HEAD', '/v2/'],
  ['GET', '/v2'],
  ['GET', '/v2/_catalog'],
  ['GET', '/v2/a/tags/list'],
  ['GET', '/v2/a/manifests/v1'],
  ['HEAD', '/v2/a/manifests/v1'],
  ['PUT', '/v2/a/manifests/v1'],
  ['DELETE', '/v2/a/manifests/v1'],
  ['GET', `/v2/a/blobs/sha256:${'a'.repeat(64)}`],
  ['HEAD', `/v2/a/blobs/sha256:${'a'.repeat(64)}`],
  ['DELETE', `/v2/a/blobs/sha256:${'a'.repeat(64)}`],
  ['POST', '/v2/a/blobs/uploads/'],
  ['POST', `/v2/a/blobs/uploads/?mount=sha256:${'a'.repeat(64)}&from=b`],
  ['PATCH', '/v2/a/blobs/uploads/x'],
  ['PUT', `/v2/a/blobs/uploads/x?digest=sha256:${'a'.repeat(64)}`],
  ['GET', '/v2/a/blobs/uploads/x'],
  ['DELETE', '/v2/a/blobs/uploads/x'],
  ['GET', `/v2/a/referrers/sha256:${'a'.repeat(64)}`],
])('%s %s without a login is answered 401 with a challenge', async (method, path) => {
  const reply = await as(nobody).call(method, path)
  expect(reply.status).toBe(401)
  expect(reply.headers.get('www-authenticate')).toMatch(/^(Basic|Bearer) realm="[^"]+"/)
  expect(reply.headers.get('docker-distribution-api-version')).toBe('registry/2.0')
  if (method !== 'HEAD') expect(reply.codes).toEqual(['UNAUTHORIZED'])
})

test('a challenge is one scheme alone: old clients read no second', async () => {
  const { headers } = await as(nobody).call('GET', '/v2/')
  expect(headers.get('www-authenticate')).not.toMatch(/,\s*(Basic|Bearer)\b/)
})

test.each([
  ['a wrong password', basic('ada:wrong')],
  ['an unknown user', basic('eve:x')],
  ['no colon', basic('ada')],
  ['an empty name', basic(':')],
  ['no base64', 'Basic !!!'],
  ['an unknown scheme', 'Digest username="ada"'],
  ['an empty header', ''],
  ['a bearer of nonsense', 'Bearer nonsense'],
  ['a token signed by nobody', 'Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEifQ.'],
])('%s is refused with 401 and a challenge', async (_, header) => {
  const reply = await as(nobody).call('GET', '/v2/', { headers: { Authorization: header } })
  expect([reply.status, reply.codes]).toEqual([401, ['UNAUTHORIZED']])
  expect(reply.headers.get('www-authenticate')).toMatch(/^(Basic|Bearer) realm=/)
})

test.each([
  ['a viewer', () => viewer],
  ['an operator', () => operator],
  ['an admin', () => admin],
])('%s logs in with name and password', async (_, who) => {
  expect((await as(who()).call('GET', '/v2/')).status).toBe(200)
})

describe('rights', () => {
  const name = freshName()
  let digest: string
  beforeAll(async () => {
    digest = (await as(operator).pushImage(name, { tag: 'v1' })).digest
    await as(operator).pushBlob(name, EMPTY_JSON)
  })

  test('a viewer reads', async () => {
    for (const path of [
      `manifests/v1`,
      `manifests/${digest}`,
      'tags/list',
      `referrers/${digest}`,
    ]) {
      expect((await as(viewer).call('GET', `/v2/${name}/${path}`)).status).toBe(200)
    }
    expect((await as(viewer).call('GET', '/v2/_catalog')).json.repositories).toContain(name)
  })

  test.each([
    ['push a manifest', 'PUT', 'manifests/v2'],
    ['begin an upload', 'POST', 'blobs/uploads/'],
    ['mount a blob', 'POST', `blobs/uploads/?mount=${missingDigest()}`],
    ['delete a manifest', 'DELETE', 'manifests/v1'],
    ['delete a blob', 'DELETE', `blobs/${missingDigest()}`],
  ] as const)('a viewer may not %s', async (_, method, path) => {
    const reply = await as(viewer).call(method, `/v2/${name}/${path}`, {
      ...(method === 'PUT' ? { body: JSON.stringify(artifactOf('application/x')) } : {}),
    })
    expect([reply.status, reply.codes]).toEqual([403, ['DENIED']])
  })

  test('a viewer can not write into an upload of somebody else', async () => {
    const location = await as(operator).begin(name)
    const reply = await as(viewer).call('PATCH', location, { body: freshBytes(10) })
    expect([reply.status, reply.codes]).toEqual([403, ['DENIED']])
    expect((await as(operator).call('GET', location)).headers.get('range')).toBe('0-0')
  })

  test('an operator pushes', async () => {
    const reply = await as(operator).putManifest(name, 'v3', artifactOf('application/x'))
    expect(reply.status).toBe(201)
  })
})

test('many calls with one password cost one hash', async () => {
  const started = performance.now()
  for (let each = 0; each < 200; each++) await as(viewer).call('HEAD', '/v2/')
  // A hash takes over 50 ms: two hundred would take more than ten seconds.
  expect(performance.now() - started).toBeLessThan(5_000)
}, 30_000)

test('ten wrong passwords are answered 429 with Retry-After at last', async () => {
  await using own = await startAppliance({ set: ['server.local=127.0.0.1:0'] })
  const registry = registryAt(plainOrigin(own))
  const statuses: number[] = []
  for (let each = 0; each < 12; each++) {
    const headers = { Authorization: basic(`ada:${each}`) }
    const reply = await registry.call('GET', '/v2/', { headers })
    statuses.push(reply.status)
    if (reply.status !== 429) continue
    expect(reply.codes).toEqual(['TOOMANYREQUESTS'])
    expect(Number(reply.headers.get('retry-after'))).toBeGreaterThan(0)
  }
  expect(statuses.slice(0, 5)).toEqual([401, 401, 401, 401, 401])
  expect(statuses.at(-1)).toBe(429)
}, 30_000)

test('no password reaches the log', async () => {
  await as(nobody).call('GET', '/v2/', { headers: { Authorization: basic('ada:SeCrEt-Pass') } })
  const log = running.logged.join('\n')
  for (const secret of ['SeCrEt-Pass', 'correct horse', btoa('ada:correct horse ada')]) {
    expect(log).not.toContain(secret)
  }
})

test('every answer about logins has the form that OCI asks for', () => {
  expect(oddities.found).toEqual([])
})
