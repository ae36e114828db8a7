// SPDX-License-Identifier: AGPL-3.0-or-later
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { createHmac } from 'node:crypto'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as v from 'valibot'
import type { UserPatch } from '../../schemas/user.ts'
import { CoreConfig } from '../config.ts'
import { Fault } from '../faults.ts'
import { createRegistry, type Registry } from '../metrics/registry.ts'
import { type Db, openDb } from '../store/client.ts'
import type { Role } from './auth.ts'
import { type AuthSystem, createAuth } from './create-auth.ts'
import type { Argon2 } from './passwords.ts'

const SECRET = 'an hs256 secret of thirty-two by'
const LIMIT = 3

let folder: string
let db: Db
let system: AuthSystem
let at: number
let runs: { password: string; hash: string }[]
/** Held verifications, when a test wants many at the same time. */
let gate: Promise<void>

/** Stands for the slow function at the edge: cheap hashes, every run counted. */
const countedArgon2: Argon2 = {
  hash: async (password) => `cheap:${password}`,
  verify: async (password, hash) => {
    runs.push({ password, hash })
    await gate
    return hash === `cheap:${password}`
  },
}

let metrics: Registry

const start = (argon2: Argon2 = countedArgon2) =>
  createAuth({
    ...{ db, metrics },
    now: () => at,
    argon2,
    adminTokenFile: join(folder, 'admin.token'),
    config: v.parse(CoreConfig, { auth: { jwt_hs256_secret: SECRET, login_failures: LIMIT } }).auth,
  })

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'slipway-auth-'))
  db = await openDb({ url: `file:${join(folder, 'slipway.db')}` })
  await db.migrate(join(import.meta.dir, '../store/migrations'), 'core_migrations')
  at = 1_800_000_000_000
  runs = []
  metrics = createRegistry()
  gate = Promise.resolve()
  system = await start()
  await system.users.create({ name: 'alice', role: 'operator', password: 'correct horse' })
})
afterEach(async () => {
  db[Symbol.dispose]()
  await rm(folder, { recursive: true, force: true })
})

const basic = (name: string, password: string) => `Basic ${btoa(`${name}:${password}`)}`
const token = async () => (await readFile(system.adminToken.path, 'utf8')).trim()

/** The principal, or the code of the fault. */
const login = async (authorization: string | undefined, address = '192.0.2.1') => {
  try {
    return await system.auth.authenticate(authorization, address)
  } catch (error) {
    if (error instanceof Fault) return error.code
    throw error
  }
}
const refusal = async (authorization: string | undefined, address = '192.0.2.1') => {
  const error = await system.auth.authenticate(authorization, address).catch((e: unknown) => e)
  if (error instanceof Fault) return error
  throw new Error('expected a refusal')
}

describe('the admin token', () => {
  test('is made once, for its owner only, and lets its bearer in as admin', async () => {
    expect(system.adminToken.made).toBe(true)
    expect((await stat(system.adminToken.path)).mode & 0o777).toBe(0o600)
    const first = await token()
    expect(first).toMatch(/^[0-9a-f]{64}$/)
    expect(await login(`Bearer ${first}`)).toEqual({ name: 'admin', role: 'admin', by: 'token' })
    expect(await login(`bearer  ${first} `)).toMatchObject({ role: 'admin' })

    system = await start()
    expect(system.adminToken.made).toBe(false)
    expect(await login(`Bearer ${first}`)).toMatchObject({ role: 'admin' })
  })

  test('is a password too, for programs that know only names and passwords', async () => {
    const principal = { name: 'admin', role: 'admin', by: 'token' }
    expect(await login(basic('admin', await token()))).toEqual(principal as never)
    expect(await login(basic('alice', await token()))).toBe('auth.unauthorized')
    expect(await login(basic('admin', 'guessed'))).toBe('auth.unauthorized')
  })

  test('is another one after its file was removed', async () => {
    const first = await token()
    await rm(system.adminToken.path)
    system = await start()
    expect(await token()).not.toBe(first)
    expect(await login(`Bearer ${first}`)).toBe('auth.unauthorized')
  })

  test.each([
    { name: 'its first part', change: (good: string) => good.slice(0, -1) },
    { name: 'more than it', change: (good: string) => `${good}0` },
    { name: 'its upper case', change: (good: string) => good.toUpperCase() },
    { name: 'nothing', change: () => '' },
  ])('does not let in $name', async ({ change }) => {
    expect(await login(`Bearer ${change(await token())}`)).toBe('auth.unauthorized')
  })

  test.each(['', 'short', 'a token of words that is long enough for us'])(
    'file with %p stops the start with a sentence',
    async (content) => {
      await writeFile(system.adminToken.path, content)
      const fault = await start().catch((error: unknown) => error)
      expect(fault).toMatchObject({ code: 'auth.config' })
      expect((fault as Fault).message).toContain('remove it')
    },
  )

  test('file that others may read stops the start', async () => {
    await rm(system.adminToken.path)
    await writeFile(system.adminToken.path, 'x'.repeat(64), { mode: 0o644 })
    expect(await start().catch((error: unknown) => error)).toMatchObject({
      code: 'private-file.exposed',
    })
  })
})

describe('a password', () => {
  test('lets in its user, and is judged once in five minutes', async () => {
    const principal = { name: 'alice', role: 'operator', by: 'basic' } as const
    expect(await login(basic('alice', 'correct horse'))).toEqual(principal)
    at += 4 * 60_000
    expect(await login(basic('alice', 'correct horse'))).toEqual(principal)
    expect(runs).toHaveLength(1)
    at += 60_000
    expect(await login(basic('alice', 'correct horse'))).toEqual(principal)
    expect(runs).toHaveLength(2)
  })

  test('costs one run of the hash for 1,000 requests in a minute', async () => {
    for (let request = 0; request < 1_000; request++) {
      expect(await login(basic('alice', 'correct horse'))).toMatchObject({ name: 'alice' })
      at += 60
    }
    expect(runs).toHaveLength(1)
    // One more, which made the hash of the new user.
    expect(metrics.render()).toContain('slipway_auth_password_hash_total 2\n')
  })

  test('of an unknown user costs a run of argon2 with the same parameters', async () => {
    expect(await login(basic('nobody', 'correct horse'))).toBe('auth.unauthorized')
    expect(runs).toHaveLength(1)
    expect(runs[0]?.hash).toMatch(/^\$argon2id\$v=19\$m=65536,t=2,p=1\$[^$]{43}\$[^$]{43}$/)
    const { message } = await refusal(basic('nobody', 'x'))
    expect((await refusal(basic('alice', 'x'), '192.0.2.2')).message).toBe(message)
  })

  test('is judged once for all who send it at the same time', async () => {
    const all = Array.from({ length: 20 }, () => login(basic('alice', 'correct horse')))
    expect(await Promise.all(all)).toEqual(
      Array(20).fill({ name: 'alice', role: 'operator', by: 'basic' }),
    )
    expect(runs).toHaveLength(1)
  })

  test('with a colon belongs to the password', async () => {
    await system.users.create({ name: 'bob', role: 'viewer', password: 'a:b:c:d:e' })
    expect(await login(basic('bob', 'a:b:c:d:e'))).toMatchObject({ name: 'bob' })
    expect(await login(basic('bob', 'a'))).toBe('auth.unauthorized')
  })

  test('in UTF-8 is understood', async () => {
    await system.users.create({ name: 'eve', role: 'viewer', password: 'pässwörter' })
    const header = `Basic ${Buffer.from('eve:pässwörter').toString('base64')}`
    expect(await login(header)).toMatchObject({ name: 'eve' })
  })

  test('is forgotten at once when the user changes or goes', async () => {
    const { users } = system
    await login(basic('alice', 'correct horse'))
    await users.change('alice', { role: 'viewer' })
    expect(await login(basic('alice', 'correct horse'))).toMatchObject({ role: 'viewer' })
    await users.change('alice', { password: 'battery staple' })
    expect(await login(basic('alice', 'correct horse'))).toBe('auth.unauthorized')
    expect(await login(basic('alice', 'battery staple'))).toMatchObject({ name: 'alice' })
    await users.remove('alice')
    expect(await login(basic('alice', 'battery staple'))).toBe('auth.unauthorized')
  })

  test('that changes while the old one is being judged is not remembered', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    gate = promise
    const slow = login(basic('alice', 'correct horse'))
    while (runs.length === 0) await new Promise(setImmediate)
    await system.users.change('alice', { password: 'battery staple' })
    const late = login(basic('alice', 'correct horse'))
    resolve()
    await slow
    expect(await late).toBe('auth.unauthorized')
    expect(await login(basic('alice', 'correct horse'))).toBe('auth.unauthorized')
  })

  test('really is argon2id', async () => {
    system = await createAuth({
      db,
      now: () => at,
      adminTokenFile: join(folder, 'admin.token'),
      config: v.parse(CoreConfig, { auth: {} }).auth,
    })
    await system.users.create({ name: 'real', role: 'viewer', password: 'correct horse' })
    const kept = (await system.users.find('real'))?.passwordHash
    expect(kept).toStartWith('$argon2id$v=19$m=65536,t=2,p=1$')
    expect(await login(basic('real', 'correct horse'))).toMatchObject({ name: 'real' })
    expect(await login(basic('real', 'correct hors'))).toBe('auth.unauthorized')
    expect(await login(basic('unreal', 'correct horse'))).toBe('auth.unauthorized')
  })
})

describe('an authorization header', () => {
  test.each([
    undefined,
    '',
    'Basic',
    'Basic !!!!',
    `Basic ${btoa('no colon')}`,
    'Digest username="alice"',
    'Bearer',
    'Bearer a.b.c',
    `Bearer ${'x'.repeat(100_000)}`,
    'Bearer a b',
  ])('%p is refused and says how to log in', async (header) => {
    const fault = await refusal(header)
    expect(fault.kind.status).toBe(401)
    expect(fault.headers?.['WWW-Authenticate']).toBe(
      'Basic realm="slipway", charset="UTF-8", Bearer realm="slipway"',
    )
    expect(runs).toHaveLength(0)
  })

  test('with a JWT lets in whom it names', async () => {
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const claims = { sub: 'ci', role: 'viewer', exp: at / 1_000 + 60 }
    const text = `${part({ alg: 'HS256' })}.${part(claims)}`
    const signature = createHmac('sha256', SECRET).update(text).digest('base64url')
    const header = `Bearer ${text}.${signature}`
    expect(await login(header)).toEqual({ name: 'ci', role: 'viewer', by: 'jwt' })
    at += 91_000
    expect((await refusal(header)).message).toContain('expired')
  })
})

describe('failed logins', () => {
  const fail = async (times: number, name = 'alice', address = '192.0.2.1') => {
    for (let i = 0; i < times; i++) await login(basic(name, `wrong ${i}`), address)
  }

  test('of one address are stopped without judging the password', async () => {
    await fail(LIMIT, 'alice')
    runs = []
    const fault = await refusal(basic('bob', 'anything'))
    expect(fault).toMatchObject({ code: 'auth.throttled', retryAfterSeconds: 60 })
    expect(fault.kind.status).toBe(429)
    expect(runs).toHaveLength(0)
    at += 60_000
    expect(await login(basic('alice', 'correct horse'))).toMatchObject({ name: 'alice' })
  })

  test('of one name are stopped from every address', async () => {
    for (let i = 0; i < LIMIT; i++) await fail(1, 'alice', `192.0.2.${i}`)
    expect(await login(basic('alice', 'correct horse'), '198.51.100.1')).toBe('auth.throttled')
    expect(await login(basic('nobody', 'x'), '198.51.100.1')).toBe('auth.unauthorized')
  })

  test('of one IPv6 network are those of one address', async () => {
    for (let i = 0; i < LIMIT; i++) await fail(1, `user${i}`, `2001:db8::${i}`)
    expect(await login(basic('other', 'x'), '2001:db8::ffff')).toBe('auth.throttled')
    expect(await login(basic('other', 'x'), '2001:db8:1::1')).toBe('auth.unauthorized')
  })

  test('do not stop credentials that were good a moment ago, nor tokens', async () => {
    await login(basic('alice', 'correct horse'))
    await fail(LIMIT, 'alice')
    await fail(LIMIT, 'mallory')
    expect(await login(basic('alice', 'wrong'))).toBe('auth.throttled')
    expect(await login(basic('alice', 'correct horse'))).toMatchObject({ name: 'alice' })
    expect(await login(`Bearer ${await token()}`)).toMatchObject({ role: 'admin' })
  })

  test('sent all at once can not slip under the limit', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    gate = promise
    const all = Array.from({ length: 20 }, (_, i) => login(basic('alice', `guess ${i}`)))
    resolve()
    const codes = await Promise.all(all)
    expect(codes.filter((code) => code === 'auth.unauthorized')).toHaveLength(LIMIT)
    expect(codes.filter((code) => code === 'auth.throttled')).toHaveLength(20 - LIMIT)
    expect(runs).toHaveLength(LIMIT)
  })

  test('are not forgiven by a good login in between', async () => {
    await fail(LIMIT - 1, 'mallory')
    expect(await login(basic('alice', 'correct horse'))).toMatchObject({ name: 'alice' })
    await fail(1, 'mallory')
    expect(await login(basic('mallory', 'x'))).toBe('auth.throttled')
  })

  test('with tokens are counted apart from those with passwords', async () => {
    for (let i = 0; i < LIMIT; i++) await login(`Bearer ${i}`)
    expect(await refusal('Bearer x')).toMatchObject({
      code: 'auth.throttled',
      retryAfterSeconds: 60,
    })
    expect(await login(basic('alice', 'correct horse'))).toMatchObject({ name: 'alice' })
    expect(await login(`Bearer ${await token()}`)).toMatchObject({ role: 'admin' })
  })

  test('do not count when it is the database that failed', async () => {
    await db.client.execute('alter table users rename to elsewhere')
    for (let i = 0; i < LIMIT + 1; i++) {
      expect(await login(basic('alice', 'correct horse')).catch(() => 'bug')).toBe('bug')
    }
    await db.client.execute('alter table elsewhere rename to users')
    expect(await login(basic('alice', 'correct horse'))).toMatchObject({ name: 'alice' })
  })
})

test.each<[Role, Role, boolean]>([
  ['viewer', 'viewer', true],
  ['viewer', 'operator', false],
  ['viewer', 'admin', false],
  ['operator', 'viewer', true],
  ['operator', 'operator', true],
  ['operator', 'admin', false],
  ['admin', 'viewer', true],
  ['admin', 'operator', true],
  ['admin', 'admin', true],
])('a %s asked for %s: %p', (role, needed, allowed) => {
  const ask = () => system.auth.require({ name: 'x', role, by: 'basic' }, needed)
  if (allowed) expect(ask).not.toThrow()
  else expect(ask).toThrow(expect.objectContaining({ code: 'auth.forbidden' }))
})

describe('how a user stands', () => {
  const alice = { name: 'alice', by: 'basic' } as const

  test.each<{ name: string; change: UserPatch }>([
    { name: 'a new password', change: { password: 'another one' } },
    { name: 'another role', change: { role: 'viewer' } },
    { name: 'another group', change: { groups: ['imaging'] } },
  ])('has another epoch after $name', async ({ change }) => {
    const before = await system.auth.standing(alice)
    expect(before?.principal).toEqual({ name: 'alice', role: 'operator', by: 'basic' })
    await system.users.change('alice', change)
    const after = await system.auth.standing(alice)
    expect(after?.epoch).toMatch(/^[0-9a-f]{32}$/)
    expect(after?.epoch).not.toBe(before?.epoch ?? '')
    expect((await start()).auth.standing(alice)).resolves.toEqual(after)
  })

  test('is nothing once the user has gone, and begins anew with another of that name', async () => {
    const before = await system.auth.standing(alice)
    await system.users.remove('alice')
    expect(await system.auth.standing(alice)).toBeUndefined()
    await system.users.create({ name: 'alice', role: 'operator', password: 'correct horse' })
    expect((await system.auth.standing(alice))?.epoch).not.toBe(before?.epoch ?? '')
  })

  test('is not remembered when the user changed while it was read', async () => {
    const asked = system.auth.standing(alice)
    await system.users.change('alice', { role: 'admin' })
    await asked
    expect((await system.auth.standing(alice))?.principal.role).toBe('admin')
  })

  test('with the admin token goes by the token, and is unknown for foreign tokens', async () => {
    const before = await system.auth.standing({ name: 'admin', by: 'token' })
    expect(before?.principal.role).toBe('admin')
    await rm(system.adminToken.path)
    const after = await (await start()).auth.standing({ name: 'admin', by: 'token' })
    expect(after?.epoch).not.toBe(before?.epoch ?? '')
    expect(await system.auth.standing({ name: 'ci', by: 'jwt' })).toBeUndefined()
  })
})
