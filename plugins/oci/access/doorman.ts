// SPDX-License-Identifier: AGPL-3.0-or-later
import { Fault } from '../../../core/faults.ts'
import type { OciAction } from '../../../schemas/oci-policy.ts'
import type { Access, Denial, Doorman, Wanted } from '../access.ts'
import { ociFaults } from '../errors.ts'
import type { Identifier, Visitor } from './doorman-identity.ts'
import type { PolicyJudge } from './policy.ts'
import { SERVICE } from './token.ts'
import { covers, type Grant, scopeFor } from './token-scope.ts'

/** Below the registry's own path: a proxy that lets `/v2/` through lets it through too. */
export const TOKEN_PATH = '/v2/token'

export interface DoormanParts {
  readonly identifier: Identifier
  readonly judge: PolicyJudge
  /** Which scheme is asked for; the other one is taken too. */
  readonly scheme: 'basic' | 'token'
  /** Where clients reach us, without a path; '' : where they did just now. */
  readonly publicUrl: string
  /** A login was refused. */
  readonly onRefused?: (reason: 'login' | 'throttled' | 'rights') => void
  readonly onDenied?: (denial: Denial) => void
}

const quoted = (text: string) => `"${text.replaceAll(/["\\]/g, '')}"`

/** May the visitor do it, whatever a token of theirs opens? */
export function mayDo(
  judge: PolicyJudge,
  { caller, login }: Visitor,
  action: OciAction,
  repository: string,
  digest?: string,
): boolean {
  if (login && action === 'pull' && repository === login.repository && digest !== undefined) {
    if (login.reach.has(digest)) return true
  }
  return judge.may(caller, action, repository)
}

const isBearer = (request: Request) => /^bearer /i.test(request.headers.get('authorization') ?? '')

export function createDoorman(parts: DoormanParts): Doorman {
  const { identifier, judge, scheme, publicUrl, onRefused, onDenied } = parts

  const challenge: Doorman['challenge'] = (request, wanted, error) => {
    // Who came with a token of ours is told how to get another one, whatever others are asked for.
    if (scheme === 'basic' && !isBearer(request)) return 'Basic realm="Slipway"'
    const realm = `${publicUrl || new URL(request.url).origin}${TOKEN_PATH}`
    const scopes = [
      scopeFor(wanted.action, wanted.repository),
      ...(wanted.from === undefined ? [] : [scopeFor('pull', wanted.from)]),
    ].filter((scope) => scope !== undefined)
    return [
      `Bearer realm=${quoted(realm)}`,
      `service=${quoted(SERVICE)}`,
      ...(scopes.length === 0 ? [] : [`scope=${quoted(scopes.join(' '))}`]),
      ...(error === undefined ? [] : [`error=${quoted(error)}`]),
    ].join(',')
  }

  const unauthorized = (request: Request, wanted: Wanted, why: string, error?: string) =>
    ociFaults.unauthorized(why, {
      headers: { 'WWW-Authenticate': challenge(request, wanted, error) },
    })

  const identify = async (request: Request, clientAddress: string, wanted: Wanted) => {
    const header = request.headers.get('authorization') ?? undefined
    try {
      return await identifier.identify(header, clientAddress, wanted.digest)
    } catch (error) {
      if (!(error instanceof Fault)) throw error
      onRefused?.(error.kind.status === 429 ? 'throttled' : 'login')
      if (error.kind.status !== 401) throw error
      const kind = isBearer(request) ? 'invalid_token' : undefined
      throw unauthorized(request, wanted, error.message, kind)
    }
  }

  /** Whoever logged in may look at the registry itself; what it lists is filtered. */
  const admits = (visitor: Visitor, { action, repository, digest }: Wanted): boolean => {
    if (repository !== undefined) return mayDo(judge, visitor, action, repository, digest)
    if (action !== 'admin') return true
    return visitor.caller.kind === 'user' && visitor.caller.role === 'admin'
  }

  /** A token without the source of a mount is too narrow only where its bearer may pull there. */
  const opens = (visitor: Visitor, grants: readonly Grant[], wanted: Wanted): boolean => {
    const { action, repository, digest, from } = wanted
    if (!covers(grants, action, repository)) return false
    if (from === undefined || covers(grants, 'pull', from)) return true
    return !mayDo(judge, visitor, 'pull', from, digest)
  }

  return {
    challenge,
    async admit(request, clientAddress, wanted) {
      const visitor = await identify(request, clientAddress, wanted)
      const { caller, grants, login } = visitor
      const admitted = admits(visitor, wanted)
      // The registry itself asks everybody for a login: clients take their challenge from there.
      const nameless = caller.kind === 'anyone'
      if (nameless && (!admitted || (wanted.repository === undefined && !grants))) {
        onRefused?.('login')
        throw unauthorized(request, wanted, 'this needs a login: name and password, or a token')
      }
      if (!admitted) {
        onRefused?.('rights')
        const what = wanted.repository ?? 'the registry'
        const fault = ociFaults.denied(
          `${visitor.name} may not ${wanted.action} ${what}: ask an admin for a policy that allows it`,
        )
        const { name } = visitor
        onDenied?.({ name, job: login?.job, address: clientAddress, wanted, code: fault.code })
        throw fault
      }
      if (grants && !opens(visitor, grants, wanted)) {
        throw unauthorized(
          request,
          wanted,
          'the token does not open this: ask for one with its scope',
          'insufficient_scope',
        )
      }
      const access: Access = {
        name: visitor.name,
        ...(login ? { job: login.job } : {}),
        address: clientAddress,
        may: (action, repository, digest) =>
          (!grants || covers(grants, action, repository)) &&
          mayDo(judge, visitor, action, repository, digest),
        mayByRight: (action, repository, digest) =>
          mayDo(judge, visitor, action, repository, digest),
      }
      return access
    },
  }
}
