// SPDX-License-Identifier: AGPL-3.0-or-later
import { createHmac, randomBytes } from 'node:crypto'
import { MINUTE } from '../units.ts'
import type { Principal } from './auth.ts'

const KEPT_MS = 5 * MINUTE
const LARGEST = 1_000

interface Entry {
  readonly principal: Principal
  readonly until: number
}

/**
 * Credentials that argon2 judged good a moment ago. Neither passwords nor their plain hashes are
 * kept: entries go by an HMAC under a key that only this process has.
 */
export interface CredentialCache {
  find(name: string, password: string): Principal | undefined
  /**
   * Runs `judge` once for all who ask the same at the same time, and keeps what it finds good
   * unless the user was forgotten meanwhile.
   */
  judged(
    name: string,
    password: string,
    judge: () => Promise<Principal | undefined>,
  ): Promise<Principal | undefined>
  /** To be called when a user changes or goes. */
  forget(name: string): void
  readonly size: number
}

/** An empty cache for at most 1,000 credentials of five minutes each. */
export function createCredentialCache(now: () => number): CredentialCache {
  const key = randomBytes(32)
  const kept = new Map<string, Entry>()
  const pending = new Map<string, Promise<Principal | undefined>>()
  let changes = 0
  // As JSON, so that no two pairs give the same text.
  const macOf = (name: string, password: string) =>
    createHmac('sha256', key)
      .update(JSON.stringify([name, password]))
      .digest('base64')

  const keep = (mac: string, principal: Principal) => {
    kept.delete(mac)
    kept.set(mac, { principal, until: now() + KEPT_MS })
    for (const [oldest, { until }] of kept) {
      if (kept.size <= LARGEST && until > now()) break
      kept.delete(oldest)
    }
  }

  return {
    find(name, password) {
      const entry = kept.get(macOf(name, password))
      return entry && entry.until > now() ? entry.principal : undefined
    },
    judged(name, password, judge) {
      const mac = macOf(name, password)
      const before = changes
      const verdict =
        pending.get(mac) ??
        judge()
          .then((principal) => {
            if (principal && changes === before) keep(mac, principal)
            return principal
          })
          .finally(() => {
            if (pending.get(mac) === verdict) pending.delete(mac)
          })
      pending.set(mac, verdict)
      return verdict
    },
    forget(name) {
      changes++
      // Whoever asks from now on must not join a judgement of the old password.
      pending.clear()
      for (const [mac, { principal }] of kept) if (principal.name === name) kept.delete(mac)
    },
    get size() {
      return kept.size
    },
  }
}
