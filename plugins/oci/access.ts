// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Auth, Principal, Role } from '../../core/auth/auth.ts'
import { Fault } from '../../core/faults.ts'
import { ociFaults } from './errors.ts'

export type OciAction = 'pull' | 'push' | 'delete' | 'list' | 'admin'

/** Who is calling and what may they do? */
export interface Access {
  readonly name: string
  /** The job on whose behalf a machine calls. */
  readonly job?: string
  /** `digest` where one object is asked for: a machine may be let at those of its recipe only. */
  may(action: OciAction, repository: string, digest?: string): boolean
}

/** What a call needs; without a repository it is the registry itself. */
export interface Wanted {
  readonly repository?: string
  readonly action: OciAction
  readonly digest?: string
}

export interface Doorman {
  /** Throws a 401 with a challenge, 403 for a caller whose rights end before this, 429 for too many tries. */
  admit(request: Request, clientAddress: string, wanted: Wanted): Promise<Access>
  /** Value of `WWW-Authenticate` for who comes without a login. */
  challenge(wanted: Wanted): string
}

const NEEDED: Readonly<Record<OciAction, Role>> = {
  pull: 'viewer',
  list: 'viewer',
  push: 'operator',
  delete: 'operator',
  admin: 'admin',
}

/** Rights by role: viewers read, operators write and delete, admins do all. */
export function createDoorman(auth: Auth): Doorman {
  const mayDo = (principal: Principal, action: OciAction) => {
    try {
      auth.require(principal, NEEDED[action])
      return true
    } catch {
      return false
    }
  }
  const challenge = () => 'Basic realm="Slipway"'
  return {
    challenge,
    async admit(request, clientAddress, wanted) {
      const header = request.headers.get('authorization') ?? undefined
      const principal = await auth.authenticate(header, clientAddress).catch((error: unknown) => {
        if (!(error instanceof Fault) || error.kind.status !== 401) throw error
        throw ociFaults.unauthorized(error.message, {
          cause: error,
          headers: { 'WWW-Authenticate': challenge() },
        })
      })
      const access: Access = {
        name: principal.name,
        may: (action) => mayDo(principal, action),
      }
      if (access.may(wanted.action, wanted.repository ?? '', wanted.digest)) return access
      throw ociFaults.denied(
        `${principal.name} may not ${wanted.action} ${wanted.repository ?? 'here'}: ask an admin for the right`,
      )
    },
  }
}
