// SPDX-License-Identifier: AGPL-3.0-or-later
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sign as honoSign } from 'hono/jwt'
import * as v from 'valibot'
import { CoreConfig } from '../config.ts'
import { Fault } from '../faults.ts'
import { openJwtVerifier } from './jwt.ts'

const NOW = 1_800_000_000
const SECRET = 'an hs256 secret of thirty-two by'
const now = () => NOW * 1_000
const ed = generateKeyPairSync('ed25519')
const edPem = ed.publicKey.export({ type: 'spki', format: 'pem' }).toString()
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'slipway-jwt-'))
  await writeFile(join(folder, 'ed.pem'), edPem)
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const configOf = (auth: object) => v.parse(CoreConfig, { auth }).auth
const both = () =>
  configOf({ jwt_hs256_secret: SECRET, jwt_ed25519_public_key_file: join(folder, 'ed.pem') })

const encode = (value: unknown) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')
const hmac = (key: string, text: string, hash = 'sha256') =>
  createHmac(hash, key).update(text).digest('base64url')
const token = (
  header: unknown,
  claims: unknown,
  signWith: (text: string) => string = (text) => hmac(SECRET, text),
) => {
  const text = `${encode(header)}.${encode(claims)}`
  return `${text}.${signWith(text)}`
}
const byEd = (text: string, key: KeyObject = ed.privateKey) =>
  sign(null, Buffer.from(text), key).toString('base64url')

const HS = { alg: 'HS256', typ: 'JWT' }
const good = { sub: 'ci', role: 'operator', exp: NOW + 60 }

const verdict = async (given: string, config = both()) => {
  const verifier = await openJwtVerifier(config, now)
  if (!verifier) throw new Error('no verifier for this configuration')
  try {
    return verifier.verify(given)
  } catch (error) {
    if (error instanceof Fault) return error
    throw error
  }
}

describe('a token is taken', () => {
  test.each([
    { name: 'by HS256', given: () => token(HS, good), role: 'operator' },
    { name: 'by EdDSA', given: () => token({ alg: 'EdDSA' }, good, byEd), role: 'operator' },
    {
      name: 'with roles, the highest counts',
      given: () => token(HS, { ...good, role: undefined, roles: ['x', 'admin', 'viewer'] }),
      role: 'admin',
    },
    {
      name: 'when the clock of its issuer is 29 s ahead',
      given: () => token(HS, { ...good, nbf: NOW + 29 }),
      role: 'operator',
    },
    {
      name: '29 s after its end',
      given: () => token(HS, { ...good, exp: NOW - 29 }),
      role: 'operator',
    },
  ])('$name', async ({ given, role }) => {
    expect(await verdict(given())).toEqual({ name: 'ci', role, by: 'jwt' } as never)
  })

  test('as another library makes it', async () => {
    const made = await honoSign(good, SECRET, 'HS256')
    expect(await verdict(made)).toEqual({ name: 'ci', role: 'operator', by: 'jwt' } as never)
  })
})

describe('a token is refused', () => {
  test.each<{ name: string; given: () => string; says?: string }>([
    { name: 'without signature (alg none)', given: () => token({ alg: 'none' }, good, () => '') },
    { name: 'alg none with a signature', given: () => token({ alg: 'none' }, good) },
    { name: 'alg NONE', given: () => token({ alg: 'NONE' }, good, () => 'AA') },
    { name: 'with no alg', given: () => token({ typ: 'JWT' }, good) },
    {
      name: 'whose HS256 key is our public key in PEM (algorithm confusion)',
      given: () => token(HS, good, (text) => hmac(edPem, text)),
    },
    {
      name: 'whose HS256 key is empty',
      given: () =>
        token(HS, good, (text) => createHmac('sha256', '').update(text).digest('base64url')),
    },
    { name: 'that says EdDSA over an HMAC', given: () => token({ alg: 'EdDSA' }, good) },
    { name: 'that says HS256 over an EdDSA signature', given: () => token(HS, good, byEd) },
    {
      name: 'of another Ed25519 key',
      given: () =>
        token({ alg: 'EdDSA' }, good, (text) =>
          byEd(text, generateKeyPairSync('ed25519').privateKey),
        ),
    },
    {
      name: 'by HS512, though the secret is right',
      given: () => token({ alg: 'HS512' }, good, (text) => hmac(SECRET, text, 'sha512')),
    },
    {
      name: 'by RS256',
      given: () =>
        token({ alg: 'RS256' }, good, (text) =>
          sign('sha256', Buffer.from(text), rsa.privateKey).toString('base64url'),
        ),
    },
    { name: 'with `crit`', given: () => token({ ...HS, crit: ['b64'], b64: false }, good) },
    { name: 'of another type', given: () => token({ ...HS, typ: 'secevent+jwt' }, good) },
    { name: 'with other claims under the signature', given: () => swapped() },
    { name: 'with a shortened signature', given: () => token(HS, good).slice(0, -4) },
    { name: 'with four parts', given: () => `${token(HS, good)}.x` },
    { name: 'that is not JSON', given: () => token('{', good) },
    { name: 'whose header is null', given: () => token('null', good) },
    {
      name: 'that is larger than 8 KiB',
      given: () => token(HS, { ...good, x: 'x'.repeat(9_000) }),
    },
    { name: 'that is empty', given: () => '' },
    { name: 'without exp', given: () => token(HS, { ...good, exp: undefined }), says: '`exp`' },
    { name: 'with exp as text', given: () => token(HS, { ...good, exp: '9' }), says: '`exp`' },
    { name: 'with exp null', given: () => token(HS, { ...good, exp: null }), says: '`exp`' },
    { name: 'that ended', given: () => token(HS, { ...good, exp: NOW - 30 }), says: 'expired' },
    {
      name: 'too early',
      given: () => token(HS, { ...good, nbf: NOW + 31 }),
      says: 'not valid yet',
    },
    { name: 'without sub', given: () => token(HS, { ...good, sub: undefined }), says: '`sub`' },
    { name: 'with an empty sub', given: () => token(HS, { ...good, sub: '' }), says: '`sub`' },
    {
      name: 'with a line break in sub',
      given: () => token(HS, { ...good, sub: 'a\nb' }),
      says: '`sub`',
    },
    {
      name: 'without a role',
      given: () => token(HS, { ...good, role: undefined }),
      says: '`role`',
    },
    {
      name: 'with an unknown role',
      given: () => token(HS, { ...good, role: 'root' }),
      says: '`role`',
    },
    {
      name: 'with an unknown role, whatever `roles` says',
      given: () => token(HS, { ...good, role: 'root', roles: ['admin'] }),
      says: '`role`',
    },
    {
      name: 'whose roles are none',
      given: () => token(HS, { ...good, role: '__proto__' }),
      says: '`role`',
    },
  ])('$name', async ({ given, says }) => {
    const fault = await verdict(given())
    expect(fault).toBeInstanceOf(Fault)
    expect(fault).toMatchObject({ code: 'auth.unauthorized' })
    if (!(fault instanceof Fault)) return
    if (says) expect(fault.message).toContain(says)
    else expect(fault.message).toBe('the token is not valid')
    expect(fault.headers?.['WWW-Authenticate']).toContain('Bearer')
  })

  const swapped = () => {
    const [header, , signature] = token(HS, good).split('.')
    return `${header}.${encode({ ...good, role: 'admin' })}.${signature}`
  }

  test('when its algorithm has no key here', async () => {
    const onlyEd = configOf({ jwt_ed25519_public_key_file: join(folder, 'ed.pem') })
    const onlyHs = configOf({ jwt_hs256_secret: SECRET })
    expect(await verdict(token(HS, good), onlyEd)).toBeInstanceOf(Fault)
    expect(await verdict(token({ alg: 'EdDSA' }, good, byEd), onlyHs)).toBeInstanceOf(Fault)
  })
})

describe('issuer and audience', () => {
  const strict = configOf({ jwt_hs256_secret: SECRET, jwt_issuer: 'idp', jwt_audience: 'slipway' })
  test.each([
    { name: 'both right', claims: { iss: 'idp', aud: 'slipway' }, says: undefined },
    {
      name: 'one of several audiences',
      claims: { iss: 'idp', aud: ['x', 'slipway'] },
      says: undefined,
    },
    { name: 'no issuer', claims: { aud: 'slipway' }, says: 'issuer' },
    { name: 'another issuer', claims: { iss: 'idp2', aud: 'slipway' }, says: 'issuer' },
    { name: 'no audience', claims: { iss: 'idp' }, says: 'audience' },
    { name: 'another audience', claims: { iss: 'idp', aud: ['slipway2'] }, says: 'audience' },
  ])('$name', async ({ claims, says }) => {
    const result = await verdict(token(HS, { ...good, ...claims }), strict)
    if (says) expect((result as Fault).message).toContain(says)
    else expect(result).toMatchObject({ name: 'ci' })
  })
})

describe('the configuration', () => {
  test('without keys judges no tokens', async () => {
    expect(await openJwtVerifier(configOf({}), now)).toBeUndefined()
  })

  test.each([
    {
      name: 'a short secret',
      auth: () => ({ jwt_hs256_secret: 'x'.repeat(31) }),
      says: '31 bytes',
    },
    { name: 'a missing key file', auth: () => keyFile('absent'), says: 'absent must be' },
    { name: 'a key file of no key', auth: () => keyFile('no-key', 'hello'), says: 'Ed25519' },
    {
      name: 'a key of another kind',
      auth: () => keyFile('rsa', pem(rsa.publicKey)),
      says: 'Ed25519',
    },
    {
      name: 'a private key',
      auth: () =>
        keyFile('private', ed.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()),
      says: 'public key',
    },
  ])('with $name stops the start with a sentence', async ({ auth, says }) => {
    const config = configOf(await auth())
    const fault = await openJwtVerifier(config, now).catch((error: unknown) => error)
    expect(fault).toMatchObject({ code: 'auth.config' })
    expect((fault as Fault).message).toContain(says)
  })

  const pem = (key: KeyObject) => key.export({ type: 'spki', format: 'pem' }).toString()
  const keyFile = async (name: string, content?: string) => {
    const path = join(folder, name)
    if (content !== undefined) await writeFile(path, content)
    return { jwt_ed25519_public_key_file: path }
  }
})
