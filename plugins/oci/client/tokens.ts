// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'
import { SECOND } from '../../../core/units.ts'
import { type Challenge, parseChallenges } from './challenge.ts'
import { clientFaults } from './faults.ts'
import { readText } from './read-text.ts'
import { mergeScopes, type Scope } from './scope.ts'
import type { Answer, Exchange, Headers } from './transport.ts'

/** How we show who we are. */
export type Credentials =
  /** A whole Authorization header, e.g. Basic, or the appliance's own token. */
  | { readonly authorization: string; readonly user?: string | undefined }
  /** An identity token of an earlier login. */
  | { readonly refreshToken: string }

export interface TokensParts {
  readonly origin: string
  readonly credentials?: Credentials | undefined
  readonly now: () => number
  send(url: URL, exchange: Exchange, authorization: string | undefined): Promise<Answer>
}

/** The login of one registry: which scheme it wants, and the tokens we hold. */
export interface Tokens {
  /** What to send at first; undefined while the registry has asked for nothing. */
  authorization(scopes: readonly Scope[], signal?: AbortSignal): Promise<string | undefined>
  /** After a 401: another header to try than the one `used`; undefined when there is none. */
  challenged(
    headers: Headers,
    used: string | undefined,
    scopes: readonly Scope[],
    signal?: AbortSignal,
  ): Promise<string | undefined>
}

/** Either name is in use; both are equal where both are sent. */
const TokenAnswer = v.object({
  token: v.optional(v.string()),
  access_token: v.optional(v.string()),
  expires_in: v.optional(v.number(), 60),
  refresh_token: v.optional(v.string()),
})

interface Token {
  readonly value: string
  /** Not used after this; counted from when it came, since clocks differ. */
  readonly until: number
}

/** Of the life of a token: used up earlier, so that none ends on its way. */
const USED_SHARE = 0.8

export function createTokens(parts: TokensParts): Tokens {
  const { origin, credentials, now } = parts
  const held = new Map<string, Promise<Token>>()
  let asked: Challenge | undefined
  let refreshToken = credentials && 'refreshToken' in credentials ? credentials.refreshToken : ''

  async function bearer(scopes: readonly Scope[], signal?: AbortSignal): Promise<string> {
    const wanted = mergeScopes(scopes)
    const key = wanted.join(' ')
    const known = await held.get(key)?.catch(() => undefined)
    if (known && known.until > now()) return `Bearer ${known.value}`
    // Several transfers begin at once: one asks, all wait.
    const fresh = fetchToken(wanted, signal)
    held.set(key, fresh)
    fresh.catch(() => held.get(key) === fresh && held.delete(key))
    return `Bearer ${(await fresh).value}`
  }

  async function fetchToken(scopes: readonly Scope[], signal?: AbortSignal): Promise<Token> {
    const { realm = '', service } = asked?.parameters ?? {}
    const url = realmUrl(origin, realm)
    const askedAt = now()
    const { exchange, authorization } = tokenRequest(url, service, scopes, signal)
    const answer = await parts.send(url, exchange, authorization)
    const text = await readText(answer.body)
    if (answer.status === 401 || answer.status === 403) {
      throw clientFaults.unauthorized(
        credentials
          ? `${url.origin} does not accept the login for ${origin}: check user and password`
          : `${origin} wants a login: none is known for it`,
      )
    }
    if (answer.status === 429 || answer.status >= 500) {
      throw clientFaults.busy(`${url.origin} gives no token just now (${answer.status})`)
    }
    const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), TokenAnswer), text)
    const value = parsed.success && (parsed.output.token ?? parsed.output.access_token)
    if (answer.status !== 200 || !parsed.success || !value) {
      throw clientFaults.protocol(`${url.origin} answered ${answer.status} without a token`)
    }
    refreshToken = parsed.output.refresh_token ?? refreshToken
    return { value, until: askedAt + parsed.output.expires_in * SECOND * USED_SHARE }
  }

  /** `GET` with the login, or the form of OAuth 2 with a refresh token. */
  function tokenRequest(
    url: URL,
    service: string | undefined,
    scopes: readonly Scope[],
    signal: AbortSignal | undefined,
  ) {
    const common = { scopes: [], signal }
    if (refreshToken) {
      const form = new URLSearchParams({
        grant_type: 'refresh_token',
        refresh_token: refreshToken,
        client_id: 'slipway',
        ...(service === undefined ? {} : { service }),
        ...(scopes.length === 0 ? {} : { scope: scopes.join(' ') }),
      })
      const bytes = new TextEncoder().encode(form.toString())
      const headers = { 'content-type': 'application/x-www-form-urlencoded' }
      const body = {
        sizeBytes: bytes.length,
        open: async function* () {
          yield bytes
        },
      }
      return {
        exchange: { ...common, method: 'POST', target: url.href, headers, body } as const,
        authorization: undefined,
      }
    }
    const login = credentials && 'authorization' in credentials ? credentials : undefined
    if (service !== undefined) url.searchParams.set('service', service)
    for (const scope of scopes) url.searchParams.append('scope', scope)
    if (login?.user !== undefined) url.searchParams.set('account', login.user)
    url.searchParams.set('client_id', 'slipway')
    return {
      exchange: { ...common, method: 'GET', target: url.href } as const,
      authorization: login?.authorization,
    }
  }

  async function header(scopes: readonly Scope[], signal?: AbortSignal) {
    if (asked?.scheme === 'bearer') return bearer(scopes, signal)
    return credentials && 'authorization' in credentials ? credentials.authorization : undefined
  }

  return {
    async authorization(scopes, signal) {
      return asked && header(scopes, signal)
    },
    async challenged(headers, used, scopes, signal) {
      const challenges = parseChallenges(headers['www-authenticate'])
      const best =
        challenges.find(({ scheme, parameters }) => scheme === 'bearer' && parameters['realm']) ??
        challenges.find(({ scheme }) => scheme === 'basic')
      if (!best) return undefined
      asked = best
      if (best.scheme === 'basic') {
        const login = await header(scopes, signal)
        return login === used ? undefined : login
      }
      const named = best.parameters['scope']?.split(' ') ?? []
      const wanted = mergeScopes(scopes.length === 0 ? named : scopes)
      const key = wanted.join(' ')
      const known = await held.get(key)?.catch(() => undefined)
      // Refused while we thought it good; one that came meanwhile for somebody else is kept.
      if (known && `Bearer ${known.value}` === used) held.delete(key)
      return bearer(wanted, signal)
    },
  }
}

function realmUrl(origin: string, realm: string): URL {
  const url = URL.parse(realm, origin)
  if (!url || !/^https?:$/.test(url.protocol)) {
    throw clientFaults.protocol(`${origin} names no token server that can be reached`)
  }
  if (origin.startsWith('https:') && url.protocol === 'http:') {
    throw clientFaults.redirect(
      `${origin} sends to ${url.origin} for a token: the login would go there in clear`,
    )
  }
  return url
}
