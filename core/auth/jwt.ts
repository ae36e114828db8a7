// SPDX-License-Identifier: AGPL-3.0-or-later
import { createHmac, createPublicKey, type KeyObject, timingSafeEqual, verify } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import * as v from 'valibot'
import type { CoreConfig } from '../config.ts'
import { type Principal, ROLES } from './auth.ts'
import { authFaults, refused } from './faults.ts'

/** How far the clocks of the issuer and ours may be apart. */
const SKEW_SECONDS = 30
const LONGEST = 8_192
/** RFC 7518 §3.2: an HS256 key has at least as many bits as the hash. */
const SHORTEST_SECRET_BYTES = 32
const INVALID = 'the token is not valid'

/**
 * Written out instead of hono/jwt, which takes tokens without `exp`, has no clock to hand in, and
 * judges claims before the signature. Header and claims are read only as far as they must be.
 */
const Header = v.looseObject({
  alg: v.picklist(['HS256', 'EdDSA']),
  typ: v.optional(v.pipe(v.string(), v.toLowerCase(), v.picklist(['jwt', 'at+jwt']))),
  /** RFC 7515 §4.1.11: what we do not understand there must be refused; we understand nothing. */
  crit: v.optional(v.never()),
})
const Seconds = v.pipe(v.number(), v.finite())
const Claims = v.looseObject({
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they must not get into logs
  sub: v.pipe(v.string(), v.regex(/^[^\x00-\x1f\x7f]{1,128}$/)),
  exp: Seconds,
  nbf: v.optional(Seconds),
  iss: v.optional(v.string()),
  aud: v.optional(v.union([v.string(), v.array(v.string())])),
  role: v.optional(v.string()),
  roles: v.optional(v.array(v.string())),
  groups: v.optional(v.array(v.string())),
})
type Claims = v.InferOutput<typeof Claims>

type Check = (data: Buffer, signature: Buffer) => boolean

/** Judges JSON Web Tokens. */
export interface JwtVerifier {
  /** Throws `auth.unauthorized`; says why only to those whose signature is good. */
  verify(token: string): Principal
}

/** A verifier of the configured keys, undefined when there are none. Throws `auth.config`. */
export async function openJwtVerifier(
  config: CoreConfig['auth'],
  now: () => number,
): Promise<JwtVerifier | undefined> {
  // The key decides the algorithm: a token can not have its public key taken for a secret.
  const checks: { HS256?: Check; EdDSA?: Check } = {}
  if (config.jwt_hs256_secret) checks.HS256 = hs256(config.jwt_hs256_secret)
  if (config.jwt_ed25519_public_key_file) {
    checks.EdDSA = await ed25519(config.jwt_ed25519_public_key_file)
  }
  if (!checks.HS256 && !checks.EdDSA) return undefined
  return {
    verify(token) {
      const claims = signedClaims(token, checks)
      judgeTimes(claims, now() / 1_000)
      judgeOrigin(claims, config)
      const { sub: name, groups = [] } = claims
      return {
        ...{ name, role: roleOf(claims), by: 'jwt' },
        ...(groups.length > 0 ? { groups } : {}),
      }
    },
  }
}

function hs256(secret: string): Check {
  const bytes = Buffer.byteLength(secret)
  if (bytes < SHORTEST_SECRET_BYTES) {
    throw authFaults.config(
      `auth.jwt_hs256_secret has ${bytes} bytes and needs ${SHORTEST_SECRET_BYTES}: make one with openssl rand -hex 32`,
    )
  }
  return (data, signature) => {
    const expected = createHmac('sha256', secret).update(data).digest()
    return signature.length === expected.length && timingSafeEqual(signature, expected)
  }
}

async function ed25519(path: string): Promise<Check> {
  const key = await publicKeyOf(path)
  return (data, signature) => verify(null, data, key, signature)
}

async function publicKeyOf(path: string): Promise<KeyObject> {
  const fault = (cause?: unknown) =>
    authFaults.config(
      `auth.jwt_ed25519_public_key_file: ${path} must be a readable Ed25519 public key in PEM (openssl pkey -in KEY -pubout)`,
      { cause },
    )
  const pem = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw fault(cause)
  })
  // createPublicKey() would take a private key too, and it has no business here.
  if (!pem.includes('BEGIN PUBLIC KEY')) throw fault()
  try {
    const key = createPublicKey(pem)
    if (key.asymmetricKeyType === 'ed25519') return key
  } catch (cause) {
    throw fault(cause)
  }
  throw fault()
}

function signedClaims(token: string, checks: { HS256?: Check; EdDSA?: Check }): Claims {
  const [, header = '', payload = '', signature = ''] =
    /^([\w-]+)\.([\w-]+)\.([\w-]+)$/.exec(token.length > LONGEST ? '' : token) ?? []
  const { alg } = part(Header, header, () => INVALID)
  const check = checks[alg]
  const good = check?.(Buffer.from(`${header}.${payload}`), Buffer.from(signature, 'base64url'))
  if (!good) throw refused(INVALID)
  return part(
    Claims,
    payload,
    (claim) => `the claim \`${claim}\` is missing or not what it must be`,
  )
}

function part<S extends v.GenericSchema<unknown, unknown>>(
  schema: S,
  encoded: string,
  messageFor: (field: string) => string,
): v.InferOutput<S> {
  const result = v.safeParse(schema, parseJson(Buffer.from(encoded, 'base64url').toString('utf8')))
  if (result.success) return result.output
  throw refused(messageFor(v.getDotPath(result.issues[0]) ?? ''))
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw refused(INVALID, cause)
  }
}

function judgeTimes({ exp, nbf }: Claims, nowSeconds: number): void {
  if (nowSeconds >= exp + SKEW_SECONDS) throw refused('the token has expired: get a new one')
  if (nbf !== undefined && nowSeconds < nbf - SKEW_SECONDS) {
    throw refused(
      'the token is not valid yet: compare the clocks of its issuer and of this appliance',
    )
  }
}

function judgeOrigin({ iss, aud }: Claims, config: CoreConfig['auth']): void {
  if (config.jwt_issuer && iss !== config.jwt_issuer) {
    throw refused('the token is of another issuer than the one in auth.jwt_issuer')
  }
  if (config.jwt_audience && ![aud].flat().includes(config.jwt_audience)) {
    throw refused('the token is for another audience than the one in auth.jwt_audience')
  }
}

/** `role`, or the highest of `roles` that we know. */
function roleOf({ role, roles = [] }: Claims) {
  const claimed = role === undefined ? roles : [role]
  const highest = ROLES.findLast((known) => claimed.includes(known))
  if (highest) return highest
  throw refused('the token names no role: its claim `role` must be viewer, operator or admin')
}
