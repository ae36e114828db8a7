// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Job } from '../../core/jobs/job.ts'
import type { Jobs } from '../../core/jobs/jobs.ts'
import type { PublishedImage } from '../../core/store/tables.ts'
import { SECOND } from '../../core/units.ts'

/** What a token of a media URL opens. */
export interface Opened {
  readonly job: Job
  readonly images: readonly PublishedImage[]
}

export interface TokenLookup {
  /** Undefined for a token that is unknown or over. */
  find(token: string): Promise<Opened | undefined>
  /** The job's row changed: what was kept of it is void, lookups under way included. */
  changed(jobId: string): void
}

/** A booting machine asks thousands of times a minute for one job. */
const KEPT_MS = 10 * SECOND
const MOST_KEPT = 1_000

/** Asks core, and keeps the answer for a short while or until the job changes. */
export function createTokenLookup(
  jobs: Pick<Jobs, 'byMediaToken'>,
  now: () => number,
): TokenLookup {
  const kept = new Map<string, { readonly opened: Opened; readonly until: number }>()
  /** By job, which has one: jobs change far oftener than tokens are asked for. */
  const tokenOf = new Map<string, string>()
  /** One set for every lookup under way: the jobs that changed meanwhile. */
  const underWay = new Set<Set<string>>()

  /** The answer of core, asked again when its job changed meanwhile: that may have been the token's end. */
  const ask = async (token: string): Promise<Opened | undefined> => {
    const changed = new Set<string>()
    underWay.add(changed)
    try {
      for (;;) {
        const opened = await jobs.byMediaToken(token)
        if (!opened || !changed.delete(opened.job.id)) return opened
      }
    } finally {
      underWay.delete(changed)
    }
  }

  const forget = (token: string) => {
    const known = kept.get(token)
    if (known) tokenOf.delete(known.opened.job.id)
    kept.delete(token)
  }

  return {
    async find(token) {
      const known = kept.get(token)
      if (known && known.until > now()) return known.opened
      forget(token)
      const opened = await ask(token)
      if (!opened) return undefined
      const [oldest] = kept.keys()
      if (kept.size >= MOST_KEPT && oldest !== undefined) forget(oldest)
      kept.set(token, { opened, until: now() + KEPT_MS })
      tokenOf.set(opened.job.id, token)
      return opened
    },
    changed(jobId) {
      for (const jobs of underWay) jobs.add(jobId)
      const token = tokenOf.get(jobId)
      if (token !== undefined) forget(token)
    },
  }
}
