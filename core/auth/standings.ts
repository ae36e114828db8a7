// SPDX-License-Identifier: AGPL-3.0-or-later
import type { AdminToken } from './admin-token.ts'
import type { Principal, Standing } from './auth.ts'
import { principalOf, type User } from './users.ts'

/** Whoever has the admin token. */
export const ADMIN: Principal = { name: 'admin', role: 'admin', by: 'token' }

/** More users than that are asked for again. */
const LARGEST = 1_000

/** How those stand now who logged in before. */
export interface Standings {
  of(principal: Pick<Principal, 'name' | 'by'>): Promise<Standing | undefined>
  /** To be called when a user changes or goes. */
  forget(name: string): void
}

/** Asks the store once a user, and again only after a change. */
export function createStandings(
  find: (name: string) => Promise<User | undefined>,
  adminToken: AdminToken,
): Standings {
  const kept = new Map<string, Standing>()
  let changes = 0
  const admin: Standing = { principal: ADMIN, epoch: adminToken.epoch }
  return {
    async of({ name, by }) {
      if (by === 'token') return admin
      if (by === 'jwt') return undefined
      const known = kept.get(name)
      if (known) return known
      const before = changes
      const user = await find(name)
      if (!user) return undefined
      const standing = { principal: principalOf(user), epoch: user.epoch }
      // Changed while it was read: what was read may be the old one, and is kept for nobody.
      if (changes === before) {
        const [oldest] = kept.keys()
        if (kept.size >= LARGEST && oldest !== undefined) kept.delete(oldest)
        kept.set(name, standing)
      }
      return standing
    },
    forget(name) {
      changes++
      kept.delete(name)
    },
  }
}
