// SPDX-License-Identifier: AGPL-3.0-or-later
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { chmod, mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DAY, HOUR, MINUTE, SECOND } from '../../../core/units.ts'
import { createTokens, TOKEN_SECONDS, type Token, type Tokens } from './token.ts'
import { createTokenKeys, type TokenKeys } from './token-keys.ts'

let folder: string
let keys: TokenKeys
let tokens: Tokens
let at: number

const open = async () => {
  keys = createTokenKeys(join(folder, 'keys'), () => at)
  await keys.open()
  tokens = createTokens(keys, () => at)
}
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'slipway-tokens-'))
  at = 1_800_000_000_000
  await open()
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const ALICE: Token = {
  subject: { by: 'basic', name: 'alice', epoch: 'e1' },
  grants: [{ type: 'repository', name: 'os/debian', actions: ['pull'] }],
}

const encoded = (part: unknown) => Buffer.from(JSON.stringify(part)).toString('base64url')
const decoded = (text: string, part: 0 | 1) =>
  JSON.parse(Buffer.from(text.split('.')[part] ?? '', 'base64url').toString())

/** The token with other words in it, signed by `by`. */
function forged(
  text: string,
  by: KeyObject,
  change: { header?: Record<string, unknown>; claims?: Record<string, unknown> },
): string {
  const body = [
    { ...decoded(text, 0), ...change.header },
    { ...decoded(text, 1), ...change.claims },
  ].map(encoded)
  return `${body.join('.')}.${sign(null, Buffer.from(body.join('.')), by).toString('base64url')}`
}

const own = async () => (await keys.signing()).secret
const foreign = generateKeyPairSync('ed25519').privateKey

describe('a token', () => {
  test('is understood until its time is over, and says what OAuth asks for', async () => {
    const text = await tokens.make(ALICE)
    expect(tokens.judge(text)).toEqual(ALICE)
    expect(decoded(text, 0)).toEqual({ alg: 'EdDSA', typ: 'JWT', kid: expect.any(String) })
    expect(decoded(text, 1)).toMatchObject({
      ...{ iss: 'slipway', aud: 'slipway', sub: 'alice', jti: expect.stringMatching(/^\w{32}$/) },
      ...{ iat: at / SECOND, nbf: at / SECOND, exp: at / SECOND + TOKEN_SECONDS },
    })
    at += TOKEN_SECONDS * SECOND - 1
    expect(tokens.judge(text)).toEqual(ALICE)
    at += 1
    expect(tokens.judge(text)).toEqual({ why: expect.stringContaining('expired') })
  })

  test('lives through a restart', async () => {
    const text = await tokens.make(ALICE)
    await open()
    expect(tokens.judge(text)).toEqual(ALICE)
  })

  test('of a key that was removed is nobody’s', async () => {
    const text = await tokens.make(ALICE)
    await rm(join(folder, 'keys'), { recursive: true })
    await open()
    expect(tokens.judge(text)).toBeUndefined()
  })

  test('that was good a moment ago is refused once it is over all the same', async () => {
    const text = await tokens.make(ALICE)
    for (let time = 0; time < 3; time++) expect(tokens.judge(text)).toEqual(ALICE)
    at += TOKEN_SECONDS * SECOND
    expect(tokens.judge(text)).toHaveProperty('why')
  })

  const S = 1_800_000_000
  test.each<{ name: string; make: (text: string) => Promise<string>; says: string | undefined }>([
    {
      name: 'for another audience',
      make: async (text) => forged(text, await own(), { claims: { aud: 'other' } }),
      says: 'another audience',
    },
    {
      name: 'of another issuer',
      make: async (text) => forged(text, await own(), { claims: { iss: 'other' } }),
      says: 'another audience or purpose',
    },
    {
      name: 'that expired a second ago',
      make: async (text) => forged(text, await own(), { claims: { exp: S - 1 } }),
      says: 'expired',
    },
    {
      name: 'without an end',
      make: async (text) => forged(text, await own(), { claims: { exp: undefined } }),
      says: 'another audience or purpose',
    },
    {
      name: 'that is valid in an hour',
      make: async (text) => forged(text, await own(), { claims: { nbf: S + 3_600 } }),
      says: 'not valid yet',
    },
    {
      name: 'for somebody of an unknown kind',
      make: async (text) => forged(text, await own(), { claims: { who: { by: 'magic' } } }),
      says: 'another audience or purpose',
    },
    {
      name: 'signed by another key under our key’s id',
      make: async (text) => forged(text, foreign, { claims: { sub: 'root' } }),
      says: 'not valid',
    },
    {
      name: 'with other words under the old signature',
      make: async (text) => {
        const [header, , signature] = text.split('.')
        return `${header}.${encoded({ ...decoded(text, 1), sub: 'root' })}.${signature}`
      },
      says: 'not valid',
    },
    {
      name: 'that says alg none',
      make: async (text) => {
        const header = encoded({ alg: 'none', typ: 'JWT', kid: decoded(text, 0).kid })
        return `${header}.${text.split('.')[1]}.`
      },
      says: undefined,
    },
    {
      name: 'that says alg none and carries the old signature',
      make: async (text) => {
        const [, claims, signature] = text.split('.')
        return `${encoded({ ...decoded(text, 0), alg: 'none' })}.${claims}.${signature}`
      },
      says: undefined,
    },
    {
      name: 'signed by HS256 with our public key as its secret',
      make: async (text) => {
        const pem = (await keys.signing()).open.export({ type: 'spki', format: 'pem' })
        const body = `${encoded({ ...decoded(text, 0), alg: 'HS256' })}.${text.split('.')[1]}`
        return `${body}.${createHmac('sha256', pem).update(body).digest('base64url')}`
      },
      says: undefined,
    },
    {
      name: 'with a header that must be understood',
      make: async (text) => forged(text, await own(), { header: { crit: ['exp'] } }),
      says: undefined,
    },
    {
      name: 'of a key that we never had',
      make: async (text) => forged(text, foreign, { header: { kid: '1800000000000-0' } }),
      says: undefined,
    },
    { name: 'of megabytes', make: async (text) => text + 'a'.repeat(2_000_000), says: undefined },
    { name: 'that is no token', make: async () => 'nonsense', says: undefined },
  ])('$name is refused', async ({ make, says }) => {
    const verdict = tokens.judge(await make(await tokens.make(ALICE)))
    if (says === undefined) expect(verdict).toBeUndefined()
    else expect(verdict).toEqual({ why: expect.stringContaining(says) })
  })
})

describe('keys', () => {
  const files = () => readdir(join(folder, 'keys'))

  test('are for their owner only, and one that others may read stops the start', async () => {
    await tokens.make(ALICE)
    const [file = ''] = await files()
    const path = join(folder, 'keys', file)
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    expect((await stat(join(folder, 'keys'))).mode & 0o777).toBe(0o700)
    await chmod(path, 0o644)
    expect(open()).rejects.toThrow('chmod 600')
  })

  test('are one, however many ask for the first at once', async () => {
    await Promise.all(Array.from({ length: 20 }, () => tokens.make(ALICE)))
    expect(await files()).toHaveLength(1)
  })

  test('change after thirty days, and tokens of the old one stay good to their end', async () => {
    const first = await tokens.make(ALICE)
    at += 30 * DAY - MINUTE
    const last = await tokens.make(ALICE)
    expect(decoded(last, 0).kid).toBe(decoded(first, 0).kid)
    at += MINUTE
    const next = await tokens.make(ALICE)
    expect(decoded(next, 0).kid).not.toBe(decoded(first, 0).kid)
    expect([tokens.judge(last), tokens.judge(next)]).toEqual([ALICE, ALICE])
    await open()
    expect([tokens.judge(last), tokens.judge(next)]).toEqual([ALICE, ALICE])
    at += HOUR
    expect(keys.find(decoded(last, 0).kid)).toBeUndefined()
    expect(keys.find(decoded(next, 0).kid)).toBeDefined()
  })

  test('whose time is over are removed with the next change', async () => {
    await tokens.make(ALICE)
    at += 31 * DAY
    await tokens.make(ALICE)
    expect(await files()).toHaveLength(1)
  })
})
