// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Hono } from 'hono'
import type { Auth } from '../../../core/auth/auth.ts'
import { Fault } from '../../../core/faults.ts'
import type { ApiEnv } from '../../../core/http/env.ts'
import { readBody } from '../../../core/http/read-json.ts'
import type { Logger } from '../../../core/log.ts'
import { KiB } from '../../../core/units.ts'
import { errorResponse, OCI_HEADERS, ociFaults } from '../errors.ts'
import { accessFaults } from './access-faults.ts'
import { mayDo, TOKEN_PATH } from './doorman.ts'
import type { Identifier, Visitor } from './doorman-identity.ts'
import type { PolicyBook } from './policy-book.ts'
import { SERVICE, type Subject, TOKEN_SECONDS, type Tokens } from './token.ts'
import type { RefreshTokens } from './token-refresh.ts'
import { type Grant, intersect, parseScopes, scopeText } from './token-scope.ts'

const LARGEST_FORM = 16 * KiB

export interface TokenEndpointParts {
  readonly identifier: Identifier
  readonly tokens: Tokens
  readonly refresh: RefreshTokens
  readonly policies: PolicyBook
  readonly auth: Pick<Auth, 'standing'>
  readonly log: Logger
}

/** What a client asks for, in either form. */
interface Asked {
  readonly scopes: readonly string[]
  /** It wants something to keep instead of the password. */
  readonly offline: boolean
  /** OAuth tells the scope; the older form does not. */
  readonly tellScope: boolean
}

const unauthorized = (why: string, cause?: unknown) =>
  ociFaults.unauthorized(why, {
    ...(cause === undefined ? {} : { cause }),
    headers: { 'WWW-Authenticate': 'Basic realm="Slipway"' },
  })

const checkService = (service: string | null): void => {
  if (service === null || service === '' || service === SERVICE) return
  throw accessFaults.tokenRequest(
    `this endpoint makes tokens for the service ${SERVICE}, not for another one`,
  )
}

/** Where clients trade a login for a token that opens what they ask for, and no more than they may. */
export function createTokenEndpoint(parts: TokenEndpointParts) {
  const { identifier, tokens, refresh, policies } = parts

  const subjectOf = async ({ principal, login, name }: Visitor): Promise<Subject> => {
    if (login) return { by: 'job', name }
    if (!principal) return { by: 'anyone' }
    const { role, groups = [], by } = principal
    if (by === 'jwt') return { by, name, role, groups }
    const standing = await parts.auth.standing({ name, by })
    if (!standing) throw unauthorized('the user was removed meanwhile')
    return { by, name, epoch: standing.epoch }
  }

  /** A token opens a repository of a job without its digests; those are judged when it is used. */
  const grantsOf = (visitor: Visitor, scopes: readonly string[]): Grant[] =>
    intersect(
      parseScopes(scopes),
      (action, repository) =>
        (action === 'pull' && visitor.login?.repository === repository) ||
        mayDo(policies.judge, visitor, action, repository),
      visitor.caller.kind !== 'job',
    )

  const respond = async (visitor: Visitor, { scopes, offline, tellScope }: Asked) => {
    const subject = await subjectOf(visitor)
    const grants = grantsOf(visitor, scopes)
    const token = await tokens.make({ subject, grants })
    const kept = offline && visitor.principal ? await refresh.make(visitor.principal) : undefined
    // No `issued_at`: a node whose clock is years off would add `expires_in` to it and find it over.
    return Response.json(
      {
        ...{ token, access_token: token, expires_in: TOKEN_SECONDS },
        ...(tellScope ? { scope: scopeText(grants) } : {}),
        ...(kept === undefined ? {} : { refresh_token: kept }),
      },
      { headers: { ...OCI_HEADERS, 'Cache-Control': 'no-store' } },
    )
  }

  const identify = async (authorization: string | undefined, address: string) => {
    try {
      return await identifier.identify(authorization, address)
    } catch (cause) {
      if (!(cause instanceof Fault) || cause.kind.status !== 401) throw cause
      throw unauthorized(cause.message, cause)
    }
  }

  const get = async (request: Request, address: string): Promise<Response> => {
    const { searchParams } = new URL(request.url)
    checkService(searchParams.get('service'))
    const header = request.headers.get('authorization') ?? undefined
    const visitor = await identify(header, address)
    if (visitor.caller.kind === 'anyone' && policies.anonymousPull.length === 0) {
      throw unauthorized('this needs a login: name and password')
    }
    return respond(visitor, {
      scopes: searchParams.getAll('scope'),
      offline: searchParams.get('offline_token') === 'true',
      tellScope: false,
    })
  }

  const byForm = async (form: URLSearchParams, address: string): Promise<Visitor> => {
    const grant = form.get('grant_type')
    if (grant === 'password') {
      const login = `${form.get('username') ?? ''}:${form.get('password') ?? ''}`
      return identify(`Basic ${Buffer.from(login).toString('base64')}`, address)
    }
    if (grant !== 'refresh_token') {
      throw accessFaults.tokenRequest('grant_type must be password or refresh_token')
    }
    const principal = await refresh.judge(form.get('refresh_token') ?? '')
    if (principal) {
      const { name, role, groups = [] } = principal
      return { name, principal, caller: { kind: 'user', name, role, groups } }
    }
    identifier.failed(address)
    throw unauthorized('the refresh token is void: log in again')
  }

  const post = async (form: URLSearchParams, address: string): Promise<Response> => {
    checkService(form.get('service'))
    const visitor = await byForm(form, address)
    return respond(visitor, {
      scopes: [form.get('scope') ?? ''],
      offline: form.get('access_type') === 'offline',
      tellScope: true,
    })
  }

  return { get, post }
}

/** Mounts the endpoint; to be called before the registry takes all below `/v2`. */
export function mountTokenEndpoint(app: Hono<ApiEnv>, parts: TokenEndpointParts): void {
  const endpoint = createTokenEndpoint(parts)
  app.all(TOKEN_PATH, async (c) => {
    const { raw: request } = c.req
    const address = c.get('clientAddress')
    try {
      if (request.method === 'GET') return await endpoint.get(request, address)
      if (request.method !== 'POST') {
        throw ociFaults.unsupported('a token is asked for by GET or POST')
      }
      const body = new TextDecoder().decode(await readBody(c, LARGEST_FORM))
      return await endpoint.post(new URLSearchParams(body), address)
    } catch (error) {
      return errorResponse(error, { request, requestId: c.get('requestId'), log: parts.log })
    }
  })
}
