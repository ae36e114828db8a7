// SPDX-License-Identifier: AGPL-3.0-or-later
import { and, desc, eq, inArray, lt } from 'drizzle-orm'
import type { Auth, Principal } from '../../../core/auth/auth.ts'
import { digest, randomToken } from '../../../core/seal.ts'
import type { Db } from '../../../core/store/client.ts'
import { DAY, HOUR } from '../../../core/units.ts'
import { refreshTokens } from '../access-tables.ts'

/** A token that nobody used so long is void: its machine is gone. */
const IDLE_MS = 90 * DAY
/** When it was last used is written down no finer than that. */
const USED_MS = 12 * HOUR
/** Logins of one user that are remembered; the one used longest ago goes first. */
const MOST_OF_USER = 100

/** Logins that clients keep instead of a password. */
export interface RefreshTokens {
  /** Undefined for who is known to an outside issuer only. */
  make(principal: Pick<Principal, 'name' | 'by'>): Promise<string | undefined>
  /** Who that is now; undefined when it is void: unknown, not used for 90 days, or its user changed. */
  judge(token: string): Promise<Principal | undefined>
}

export function createRefreshTokens(parts: {
  readonly db: Db
  readonly auth: Pick<Auth, 'standing'>
  readonly now: () => number
}): RefreshTokens {
  const { db, auth, now } = parts
  const { userName, usedAt } = refreshTokens

  return {
    async make({ name, by }) {
      const standing = await auth.standing({ name, by })
      if (!standing || by === 'jwt') return undefined
      const token = randomToken(256)
      const { epoch } = standing
      const row = { digest: digest(token), userName: name, door: by, epoch, usedAt: now() }
      await db.write(async (tx) => {
        await tx.delete(refreshTokens).where(lt(usedAt, now() - IDLE_MS))
        const older = await tx
          .select({ digest: refreshTokens.digest })
          .from(refreshTokens)
          .where(eq(userName, name))
          .orderBy(desc(usedAt))
          .limit(1_000)
          .offset(MOST_OF_USER - 1)
        const digests = older.map((each) => each.digest)
        await tx.delete(refreshTokens).where(inArray(refreshTokens.digest, digests))
        await tx.insert(refreshTokens).values(row)
      })
      return token
    },

    async judge(token) {
      const key = digest(token)
      const [row] = await db.read.select().from(refreshTokens).where(eq(refreshTokens.digest, key))
      if (!row || row.usedAt < now() - IDLE_MS) return undefined
      const standing = await auth.standing({ name: row.userName, by: row.door })
      if (standing?.epoch !== row.epoch) return undefined
      if (row.usedAt < now() - USED_MS) {
        const same = and(eq(refreshTokens.digest, key), eq(usedAt, row.usedAt))
        await db.write((tx) => tx.update(refreshTokens).set({ usedAt: now() }).where(same))
      }
      return standing.principal
    },
  }
}
