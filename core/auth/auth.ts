// SPDX-License-Identifier: AGPL-3.0-or-later

export const ROLES = ['viewer', 'operator', 'admin'] as const
export type Role = (typeof ROLES)[number]

/** Who is calling. */
export interface Principal {
  readonly name: string
  readonly role: Role
  readonly by: 'token' | 'basic' | 'jwt'
}

/** What a door asks of the one user store. */
export interface Auth {
  /**
   * Judges an `Authorization` header (`Bearer` admin token or JWT, `Basic`).
   * Throws `auth.unauthorized` (401) or `auth.throttled` (429 with Retry-After).
   */
  authenticate(authorization: string | undefined, clientAddress: string): Promise<Principal>
  /** Throws `auth.forbidden` (403) when the role is lower. */
  require(principal: Principal, role: Role): void
}
