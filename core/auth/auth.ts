// SPDX-License-Identifier: AGPL-3.0-or-later

export const ROLES = ['viewer', 'operator', 'admin'] as const
export type Role = (typeof ROLES)[number]

/** Who is calling. */
export interface Principal {
  readonly name: string
  readonly role: Role
  readonly by: 'token' | 'basic' | 'jwt'
  /** Groups of users that the caller belongs to; absent: none. */
  readonly groups?: readonly string[]
}

/** How somebody stands now who logged in before. */
export interface Standing {
  readonly principal: Principal
  /** Another one after each change of password, role or groups, and after a removal: what was given out before is void. */
  readonly epoch: string
}

/** What a door asks of the one user store. */
export interface Auth {
  /**
   * Judges an `Authorization` header (`Bearer` admin token or JWT, `Basic`).
   * Throws `auth.unauthorized` (401) or `auth.throttled` (429 with Retry-After).
   */
  authenticate(authorization: string | undefined, clientAddress: string): Promise<Principal>
  /**
   * For a door that gives out tokens of its own: undefined when the caller has gone, or is known to
   * an outside issuer only (`jwt`). Remembered until it changes.
   */
  standing(principal: Pick<Principal, 'name' | 'by'>): Promise<Standing | undefined>
  /** Throws `auth.forbidden` (403) when the role is lower. */
  require(principal: Principal, role: Role): void
}
