// SPDX-License-Identifier: AGPL-3.0-or-later
import { isIP } from 'node:net'

/** How much is too much. */
export interface ThrottleParts {
  /** Hits of one key within the window; from then on it must wait. */
  readonly limit: number
  readonly windowMs: number
  /** Unix ms. */
  readonly now: () => number
  /** Keys kept at most; the one that was hit longest ago goes first. */
  readonly largest?: number
}

/** Counts hits of keys in a sliding window, in bounded memory. */
export interface Throttle {
  /** Seconds until the key may be hit again; 0: now. */
  waitSeconds(key: string): number
  /** Counts one hit. What it returns takes exactly that hit back. */
  hit(key: string): () => void
  /** Keys held now. */
  readonly size: number
}

/** An empty throttle; it holds its counts in memory, so a restart forgives. */
export function createThrottle({
  limit,
  windowMs,
  now,
  largest = 10_000,
}: ThrottleParts): Throttle {
  // In order of the last hit: a Map keeps the order of insertion.
  const hitsByKey = new Map<string, number[]>()
  const recent = (key: string) => {
    const begin = now() - windowMs
    return (hitsByKey.get(key) ?? []).filter((at) => at > begin)
  }
  const keep = (key: string, hits: number[]) => {
    hitsByKey.delete(key)
    if (hits.length > 0) hitsByKey.set(key, hits)
    for (const oldest of hitsByKey.keys()) {
      if (hitsByKey.size <= largest) break
      hitsByKey.delete(oldest)
    }
  }
  return {
    waitSeconds(key) {
      // The newest `limit` hits decide: free again as soon as the first of those is old.
      const decisive = recent(key).at(-limit)
      return decisive === undefined ? 0 : Math.ceil((decisive + windowMs - now()) / 1_000)
    },
    hit(key) {
      const at = now()
      // More than `limit` would say nothing more: memory stays bounded per key too.
      keep(key, [...recent(key), at].slice(-limit))
      return () => {
        const hits = hitsByKey.get(key)
        const index = hits?.indexOf(at) ?? -1
        if (hits && index >= 0) hits.splice(index, 1)
        if (hits?.length === 0) hitsByKey.delete(key)
      }
    },
    get size() {
      return hitsByKey.size
    },
  }
}

/**
 * What counts as one caller: an IPv4 address, or the /64 of an IPv6 address, because whoever has
 * one address there has them all (RFC 6177 §2).
 */
export function callerOf(address: string): string {
  const bare = address.replace(/%.*$/, '')
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(bare)?.[1]
  if (mapped) return mapped
  if (isIP(bare) !== 6) return bare
  const [left = '', right = ''] = new URL(`http://[${bare}]`).hostname.slice(1, -1).split('::')
  const [head, tail] = [left.split(':').filter(Boolean), right.split(':').filter(Boolean)]
  const zeros = Array<string>(8 - head.length - tail.length).fill('0')
  return `${[...head, ...zeros, ...tail].slice(0, 4).join(':')}::/64`
}
