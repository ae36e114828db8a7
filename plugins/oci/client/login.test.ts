// SPDX-License-Identifier: AGPL-3.0-or-later
/** Logins against a registry and a token server that the test plays. */
import { afterEach, describe, expect, test } from 'bun:test'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MINUTE } from '../../../core/units.ts'
import { digestOf } from '../store/digest.ts'
import { bodyOf } from './body.ts'
import { readLogins } from './login-files.ts'
import { Registry } from './registry.ts'
import type { Credentials } from './tokens.ts'
import { createTransport } from './transport.ts'

interface Asked {
  readonly method: string
  readonly url: URL
  readonly authorization: string | null
  readonly form: URLSearchParams
}

const servers: Bun.Server<undefined>[] = []
afterEach(() => {
  for (const server of servers.splice(0)) void server.stop(true)
})

function play(answer: (asked: Asked) => Response): { origin: string; asked: Asked[] } {
  const asked: Asked[] = []
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    async fetch(request) {
      const form = new URLSearchParams(await request.text())
      const one = {
        ...{ method: request.method, url: new URL(request.url), form },
        authorization: request.headers.get('authorization'),
      }
      asked.push(one)
      return answer(one)
    },
  })
  servers.push(server)
  return { origin: `http://127.0.0.1:${server.port}`, asked }
}

const login = { authorization: 'Basic YWRhOnB3', user: 'ada' } satisfies Credentials
let now = 1_000_000
const registryAt = (origin: string, credentials?: Credentials) =>
  new Registry(createTransport({ origin, credentials, now: () => now }))
const DIGEST = digestOf(new TextEncoder().encode('x'))

describe('the token flow', () => {
  /** Answers 200 to a token that it gave for all that the request needs. */
  function tokenRegistry(life = 300) {
    let given = 0
    const token = play(({ authorization, url, form }) => {
      if (authorization !== login.authorization && form.get('refresh_token') !== 'r-1') {
        return new Response(null, { status: 401 })
      }
      given++
      const scope = url.searchParams.getAll('scope').join(' ') || (form.get('scope') ?? '')
      return Response.json({ token: `t${given} ${scope}`.replaceAll(' ', '|'), expires_in: life })
    })
    const registry = play(({ authorization, method, url }) => {
      const needs = method === 'GET' || method === 'HEAD' ? 'pull' : 'push'
      if (authorization?.startsWith('Bearer ') && authorization.includes(needs)) {
        if (method === 'POST') {
          return new Response(null, { status: 202, headers: { location: `${url.pathname}1` } })
        }
        return new Response(null, { headers: { 'content-length': '1' } })
      }
      const challenge = `Bearer realm="${token.origin}/token",service="reg",scope="repository:a/b:pull"`
      return new Response(null, { status: 401, headers: { 'www-authenticate': challenge } })
    })
    return { token, registry }
  }

  test('asks once for a scope, and keeps the token; another right is another token', async () => {
    const { token, registry } = tokenRegistry()
    await using client = registryAt(registry.origin, login)
    for (let times = 0; times < 3; times++) await client.headBlob('a/b', DIGEST)
    expect(token.asked).toHaveLength(1)
    const [first] = token.asked
    expect(first?.authorization).toBe('Basic YWRhOnB3')
    expect(Object.fromEntries(first?.url.searchParams ?? [])).toEqual({
      ...{ service: 'reg', scope: 'repository:a/b:pull', account: 'ada', client_id: 'slipway' },
    })
    await client.uploads.start('a/b', 9, { digest: DIGEST, from: 'c/d' })
    expect(token.asked[1]?.url.searchParams.getAll('scope')).toEqual([
      'repository:a/b:pull,push',
      'repository:c/d:pull',
    ])
    // The login went to the token server alone.
    expect(registry.asked.some(({ authorization }) => authorization?.startsWith('Basic'))).toBe(
      false,
    )
  })

  test('transfers that begin together wait for one token', async () => {
    const { token, registry } = tokenRegistry()
    await using client = registryAt(registry.origin, login)
    await Promise.all(Array.from({ length: 8 }, () => client.headBlob('a/b', DIGEST)))
    expect(token.asked).toHaveLength(1)
  })

  test('a token near its end is replaced before it is refused', async () => {
    const { token, registry } = tokenRegistry(300)
    await using client = registryAt(registry.origin, login)
    await client.headBlob('a/b', DIGEST)
    now += 3 * MINUTE
    await client.headBlob('a/b', DIGEST)
    expect(token.asked).toHaveLength(1)
    now += 1.5 * MINUTE
    await client.headBlob('a/b', DIGEST)
    expect(token.asked).toHaveLength(2)
    expect(registry.asked.filter(({ authorization }) => authorization === null)).toHaveLength(1)
  })

  test('an identity token of an earlier login goes as a form', async () => {
    const { token, registry } = tokenRegistry()
    await using client = registryAt(registry.origin, { refreshToken: 'r-1' })
    expect(await client.headBlob('a/b', DIGEST)).toBe(1)
    expect(token.asked[0]?.method).toBe('POST')
    expect(Object.fromEntries(token.asked[0]?.form ?? [])).toMatchObject({
      ...{ grant_type: 'refresh_token', service: 'reg', scope: 'repository:a/b:pull' },
    })
  })

  test('a wrong login says whose it is', async () => {
    const { registry } = tokenRegistry()
    await using client = registryAt(registry.origin, { authorization: 'Basic eDp5' })
    expect(client.headBlob('a/b', DIGEST)).rejects.toThrow('check user and password')
    await using nobody = registryAt(registry.origin)
    expect(nobody.headBlob('a/b', DIGEST)).rejects.toThrow('none is known')
  })
})

test('Basic is sent once it was asked for, and a second 401 ends it', async () => {
  const registry = play(({ authorization }) =>
    authorization === login.authorization
      ? new Response('{}')
      : new Response(null, { status: 401, headers: { 'www-authenticate': 'Basic realm="x"' } }),
  )
  await using client = registryAt(registry.origin, login)
  await client.ping()
  await client.ping()
  expect(registry.asked.map(({ authorization }) => authorization)).toEqual([
    null,
    'Basic YWRhOnB3',
    'Basic YWRhOnB3',
  ])
  await using several = registryAt(registry.origin, login)
  await Promise.all([several.ping(), several.ping(), several.ping()])
  await using wrong = registryAt(registry.origin, { authorization: 'Basic eDp5' })
  expect(wrong.ping()).rejects.toMatchObject({ code: 'oci-client.unauthorized' })
})

describe('a redirect', () => {
  test('is followed without the login', async () => {
    const store = play(() => new Response('blob'))
    const registry = play(({ authorization }) =>
      authorization
        ? Response.redirect(`${store.origin}/somewhere?sig=1`, 307)
        : new Response(null, { status: 401, headers: { 'www-authenticate': 'Basic realm="x"' } }),
    )
    await using client = registryAt(registry.origin, login)
    const { body } = await client.readBlob('a', DIGEST, 0)
    expect(await new Response(body as unknown as ReadableStream).text()).toBe('blob')
    expect(store.asked.map(({ authorization }) => authorization)).toEqual([null])
  })

  test('that never ends is left', async () => {
    const registry = play(({ url }) => Response.redirect(`${url.origin}${url.pathname}x`, 302))
    await using client = registryAt(registry.origin)
    expect(client.ping()).rejects.toMatchObject({ code: 'oci-client.redirect' })
    expect(registry.asked.length).toBeLessThan(6)
  })
})

describe('a refusal', () => {
  test.each([
    [403, 'oci-client.denied', false],
    [404, 'oci-client.not-found', false],
    [413, 'oci-client.too-large', false],
    [429, 'oci-client.busy', true],
    [503, 'oci-client.busy', true],
    [507, 'oci-client.full', false],
    [418, 'oci-client.refused', false],
    [200, 'oci-client.protocol', false],
  ])('of status %d is %s, with what the registry says', async (status, code, retry) => {
    const errors = [{ code: 'SOME_CODE', message: 'why not' }]
    const registry = play(() =>
      Response.json({ errors }, { status, headers: { 'retry-after': '7' } }),
    )
    await using client = registryAt(registry.origin)
    const document = { bytes: new TextEncoder().encode('{}'), mediaType: 'a/b' }
    const fault = await client.putManifest('a', 't', document).catch((error: unknown) => error)
    expect(fault).toMatchObject({ code, kind: { retry } })
    if (status !== 200) expect(String(fault)).toContain('SOME_CODE: why not')
    if (retry) expect(fault).toMatchObject({ retryAfterSeconds: 7 })
  })
})

test('a manifest with other bytes than its digest is not taken', async () => {
  const registry = play(
    () => new Response('{"schemaVersion":2}', { headers: { 'docker-content-digest': DIGEST } }),
  )
  await using client = registryAt(registry.origin)
  expect(client.manifest('a', 'latest')).rejects.toMatchObject({ code: 'oci-client.digest' })
  expect(client.manifest('a', DIGEST)).rejects.toMatchObject({ code: 'oci-client.digest' })
})

test('a page that leads to another origin is not asked for', async () => {
  const other = play(() => Response.json({ tags: ['stolen'] }))
  const registry = play(() =>
    Response.json(
      { tags: ['a', 'b'] },
      { headers: { link: `<${other.origin}/v2/a/tags/list>; rel="next"` } },
    ),
  )
  await using client = registryAt(registry.origin)
  expect(await Array.fromAsync(client.tags('a'))).toEqual(['a', 'b'])
  expect(other.asked).toEqual([])
})

test('pages are followed to their end', async () => {
  const registry = play(({ url }) => {
    const last = Number(url.searchParams.get('last') ?? 0)
    const link = `<${url.pathname}?n=2&last=${last + 2}>; rel="next"`
    const headers: Record<string, string> = last < 4 ? { link } : {}
    return Response.json({ tags: [`${last + 1}`, `${last + 2}`] }, { headers })
  })
  await using client = registryAt(registry.origin)
  expect(await Array.fromAsync(client.tags('a'))).toEqual(['1', '2', '3', '4', '5', '6'])
})

test('a body is sent again when a login was asked for in the middle', async () => {
  const registry = play(({ authorization, form }) =>
    authorization && form.has('hello')
      ? new Response(null, {
          status: 202,
          headers: { location: '/v2/a/blobs/uploads/1', 'upload-offset': '5' },
        })
      : new Response(null, { status: 401, headers: { 'www-authenticate': 'Basic realm="x"' } }),
  )
  await using client = registryAt(registry.origin, login)
  const session = { location: `${registry.origin}/v2/a/blobs/uploads/1`, offsetBytes: 0 }
  const next = await client.uploads.send('a', session, bodyOf(new TextEncoder().encode('hello')))
  expect(next).toMatchObject({ offsetBytes: 5 })
})

test('logins of podman and docker are found by host, an identity token before a password', async () => {
  const home = await mkdtemp(join(tmpdir(), 'slipway-logins-'))
  try {
    await mkdir(join(home, '.docker'))
    await mkdir(join(home, '.config/containers'), { recursive: true })
    await writeFile(
      join(home, '.config/containers/auth.json'),
      JSON.stringify({ auths: { 'lab:5000': { auth: btoa('ada:p:w') } } }),
    )
    await writeFile(
      join(home, '.docker/config.json'),
      JSON.stringify({
        credsStore: 'x',
        auths: {
          'lab:5000': { auth: btoa('late:x') },
          'https://hub.example/v1/': { auth: btoa('bob:x'), identitytoken: 'r' },
          empty: {},
        },
      }),
    )
    const logins = await readLogins({ HOME: home })
    expect(logins.find('https://lab:5000')).toEqual({
      ...{ authorization: `Basic ${btoa('ada:p:w')}`, user: 'ada' },
    })
    expect(logins.find('https://hub.example')).toEqual({ refreshToken: 'r' })
    expect(logins.find('https://empty')).toBeUndefined()
    await writeFile(join(home, '.docker/config.json'), '{"auths": {"secret')
    expect(readLogins({ HOME: home })).rejects.toThrow('is damaged: log in again')
  } finally {
    await rm(home, { recursive: true, force: true })
  }
})
