// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Hooks, Sighting } from '../hooks.ts'
import type { Logger } from '../log.ts'
import { withoutTokens } from '../redact.ts'
import type { Db, Tx } from '../store/client.ts'
import { addEvidence } from '../store/job-story.ts'
import { findJob, type JobChange, patchJob } from '../store/jobs.ts'
import { deadlineOf, type Limits } from './deadlines.ts'
import type { Feed } from './feed.ts'
import type { Job } from './job.ts'

export interface EvidenceParts {
  readonly db: Db
  readonly hooks: Hooks
  readonly feed: Feed
  readonly log: Logger
  readonly now: () => number
  readonly limits: Limits
}

export interface Evidence {
  /** Takes a sighting; it is stored in order, and told to the watchers once it is. */
  see(sighting: Sighting): void
  /** Resolves when all that was seen so far is stored. */
  settled(): Promise<void>
}

function changeOf(sighting: Sighting, job: Job, now: number): JobChange | undefined {
  if (!sighting.slot) return undefined
  const read = sighting.bytes ?? 0
  const before = job.bytesRead[sighting.slot] ?? 0
  const booting = sighting.level === 'read' || sighting.level === 'stage'
  const fresh = booting && sighting.fresh === true
  return {
    bytesRead: { ...job.bytesRead, [sighting.slot]: Math.max(read, before) },
    ...(booting && job.firstReadAt === null ? { firstReadAt: now } : {}),
    ...(fresh ? { lastFreshReadAt: now, ...(job.claimedAt === null ? { pausedMs: 0 } : {}) } : {}),
  }
}

/** What we see ourselves becomes part of the job's story, and moves its deadlines. */
export function createEvidence({ db, hooks, feed, log, now, limits }: EvidenceParts): Evidence {
  let tail: Promise<void> = Promise.resolve()

  const store = async (tx: Tx, sighting: Sighting) => {
    const job = await findJob(tx, sighting.job)
    if (!job) return undefined
    const row = await addEvidence(tx, {
      jobId: job.id,
      at: now(),
      level: sighting.level,
      detail: withoutTokens(sighting.detail),
      slot: sighting.slot ?? null,
      region: sighting.region ?? null,
      bytes: sighting.bytes ?? null,
      percent: sighting.percent === undefined ? null : Math.floor(sighting.percent),
      reader: sighting.from ?? null,
    })
    const change = changeOf(sighting, job, now())
    const waits =
      job.status === 'provisioning' && job.poweredOnAt !== null && job.leaseOwner === null
    const changed =
      change &&
      (await patchJob(tx, job.id, [job.status], {
        ...change,
        ...(waits ? { nextCheckAt: deadlineOf({ ...job, ...change } as Job, limits).at } : {}),
      }))
    return { row, job: changed }
  }

  return {
    see(sighting) {
      tail = tail
        .then(() => db.write((tx) => store(tx, sighting)))
        .then((stored) => {
          if (!stored) return
          feed.publish(sighting.job, { kind: 'evidence', row: stored.row })
          hooks.seen.call(sighting)
          if (stored.job) feed.publish(sighting.job, { kind: 'job', job: stored.job })
        })
        .catch((error: unknown) => {
          log.error({ job: sighting.job, err: error }, 'a sighting could not be stored')
        })
    },
    settled: () => tail,
  }
}
