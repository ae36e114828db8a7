// SPDX-License-Identifier: AGPL-3.0-or-later
import { sign, verify } from 'node:crypto'
import * as v from 'valibot'
import { digest, randomToken } from '../../../core/seal.ts'
import { SECOND } from '../../../core/units.ts'
import type { TokenKeys } from './token-keys.ts'
import type { Grant } from './token-scope.ts'

/** Names us as issuer and as audience, and is the `service` of the challenge. */
export const SERVICE = 'slipway'
/** Long enough for every client (at least 60), short enough to be of no use when it is stolen. */
export const TOKEN_SECONDS = 300
/** Our own clock may be set back a little between two requests. */
const SKEW_SECONDS = 30
const LONGEST = 16_384
/** Tokens whose signature was judged a moment ago. */
const MOST_KNOWN = 1_000

/** For whom a token was made. */
export type Subject =
  /** `epoch`: as the user stood when it was made; void when it is another one. */
  | { readonly by: 'basic' | 'token'; readonly name: string; readonly epoch: string }
  /** Known to an outside issuer: nobody here can take its rights away before the token ends. */
  | {
      readonly by: 'jwt'
      readonly name: string
      readonly role: 'viewer' | 'operator' | 'admin'
      readonly groups: readonly string[]
    }
  | { readonly by: 'job'; readonly name: string }
  | { readonly by: 'anyone' }

export interface Token {
  readonly subject: Subject
  readonly grants: readonly Grant[]
}

/** A token was refused; `why` is for its bearer. */
export interface TokenRefusal {
  readonly why: string
}

export interface Tokens {
  make(token: Token): Promise<string>
  /** Undefined when the text is no token of ours at all: another door may know it. */
  judge(text: string): Token | TokenRefusal | undefined
}

const Header = v.looseObject({
  alg: v.literal('EdDSA'),
  typ: v.literal('JWT'),
  kid: v.string(),
  /** RFC 7515 §4.1.11: what we do not understand there must be refused; we understand nothing. */
  crit: v.optional(v.never()),
})
const Subject = v.variant('by', [
  v.strictObject({ by: v.picklist(['basic', 'token']), name: v.string(), epoch: v.string() }),
  v.strictObject({
    by: v.literal('jwt'),
    name: v.string(),
    role: v.picklist(['viewer', 'operator', 'admin']),
    groups: v.array(v.string()),
  }),
  v.strictObject({ by: v.literal('job'), name: v.string() }),
  v.strictObject({ by: v.literal('anyone') }),
])
const Claims = v.object({
  iss: v.literal(SERVICE),
  aud: v.literal(SERVICE),
  exp: v.number(),
  nbf: v.number(),
  who: Subject,
  access: v.array(
    v.object({
      type: v.picklist(['repository', 'registry']),
      name: v.string(),
      actions: v.array(v.string()),
    }),
  ),
})
type Claims = v.InferOutput<typeof Claims>

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')

/** Undefined for what is no JSON, or not of that form. */
function decode<S extends v.GenericSchema>(schema: S, text: string): v.InferOutput<S> | undefined {
  try {
    const result = v.safeParse(schema, JSON.parse(Buffer.from(text, 'base64url').toString('utf8')))
    return result.success ? result.output : undefined
  } catch {
    return undefined // not JSON: no token of ours
  }
}

/** Claims by the digest of their token; the oldest goes first. */
function createMemory() {
  const known = new Map<string, Claims>()
  return {
    get: (text: string) => known.get(digest(text)),
    keep(text: string, claims: Claims) {
      const [oldest] = known.keys()
      if (known.size >= MOST_KNOWN && oldest !== undefined) known.delete(oldest)
      known.set(digest(text), claims)
    },
  }
}

/** JSON Web Tokens under our own Ed25519 keys (RFC 8037). */
export function createTokens(keys: TokenKeys, now: () => number): Tokens {
  const memory = createMemory()
  const seconds = () => Math.floor(now() / SECOND)

  /** Claims whose signature is good, whatever their times say. */
  const signedClaims = (text: string): Claims | TokenRefusal | undefined => {
    const [, header = '', payload = '', signature = ''] =
      /^([\w-]+)\.([\w-]+)\.([\w-]+)$/.exec(text.length > LONGEST ? '' : text) ?? []
    const kid = decode(Header, header)?.kid
    const key = kid === undefined ? undefined : keys.find(kid)
    if (!key) return undefined
    const signed = Buffer.from(`${header}.${payload}`)
    if (!verify(null, signed, key.open, Buffer.from(signature, 'base64url'))) {
      return { why: 'the token is not valid' }
    }
    return decode(Claims, payload) ?? { why: 'the token is for another audience or purpose' }
  }

  return {
    async make({ subject, grants }) {
      const { kid, secret } = await keys.signing()
      const at = seconds()
      const claims = {
        ...{ iss: SERVICE, aud: SERVICE, sub: 'name' in subject ? subject.name : '' },
        ...{ iat: at, nbf: at, exp: at + TOKEN_SECONDS, jti: randomToken(128) },
        who: subject,
        access: grants,
      }
      const body = `${encode({ alg: 'EdDSA', typ: 'JWT', kid })}.${encode(claims)}`
      return `${body}.${sign(null, Buffer.from(body), secret).toString('base64url')}`
    },

    judge(text) {
      const known = memory.get(text)
      const claims = known ?? signedClaims(text)
      if (!claims || 'why' in claims) return claims
      const at = seconds()
      if (at >= claims.exp) return { why: 'the token has expired: get a new one' }
      if (at < claims.nbf - SKEW_SECONDS) return { why: 'the token is not valid yet' }
      if (!known) memory.keep(text, claims)
      return { subject: claims.who, grants: claims.access }
    },
  }
}
