// SPDX-License-Identifier: AGPL-3.0-or-later

/**
 * Objects of which pushing clients were told that they are here: such a client leaves them out and
 * sends a manifest that needs them. Until the grace is over the collector takes none of these.
 */
export interface Promises {
  made(repository: string, digest: string): void
  /** Digests that were promised after `since`, in Unix ms. */
  since(repository: string, since: number): readonly string[]
}

/** Held in memory; a restart forgets them, and the first collection comes an interval later. */
const MOST = 100_000

export function createPromises(now: () => number): Promises {
  /** The oldest first. */
  const promised = new Map<string, number>()
  return {
    made(repository, digest) {
      const key = `${repository} ${digest}`
      promised.delete(key)
      promised.set(key, now())
      if (promised.size <= MOST) return
      const [oldest = ''] = promised.keys()
      promised.delete(oldest)
    },
    since(repository, since) {
      const prefix = `${repository} `
      return [...promised]
        .filter(([key, at]) => at > since && key.startsWith(prefix))
        .map(([key]) => key.slice(prefix.length))
    },
  }
}
