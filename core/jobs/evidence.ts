// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Hooks, Sighting } from '../hooks.ts'
import type { Logger } from '../log.ts'
import { withoutTokens } from '../redact.ts'
import type { Db, Tx } from '../store/client.ts'
import { addEvidence, type EvidenceRow } from '../store/job-story.ts'
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

/** The machine's own words stay as they are: its progress is told beside them. */
const pulled = ({ bytes = 0, totalBytes = 0, percent = 0 }: Sighting, job: Job): JobChange => ({
  progress: {
    phase: 'writing',
    ...job.progress,
    pull: { bytes, total_bytes: totalBytes, percent: Math.floor(percent) },
  },
})

function changeOf(sighting: Sighting, job: Job, now: number): JobChange | undefined {
  if (sighting.level === 'pulled') return pulled(sighting, job)
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

/** A sighting, and when it came: storing may wait. */
interface Seen {
  readonly sighting: Sighting
  readonly at: number
}

const rowOf = ({ sighting, at }: Seen) => ({
  jobId: sighting.job,
  at,
  level: sighting.level,
  detail: withoutTokens(sighting.detail),
  slot: sighting.slot ?? null,
  region: sighting.region ?? null,
  bytes: sighting.bytes ?? null,
  percent: sighting.percent === undefined ? null : Math.floor(sighting.percent),
  reader: sighting.from ?? null,
})

/** What all of them together change on the row; undefined when nothing. */
function changesOf(seen: readonly Seen[], job: Job): JobChange | undefined {
  let change: JobChange | undefined
  for (const { sighting, at } of seen) {
    change = { ...change, ...changeOf(sighting, { ...job, ...change } as Job, at) }
  }
  return change && Object.keys(change).length > 0 ? change : undefined
}

/** What we see ourselves becomes part of the job's story, and moves its deadlines. */
export function createEvidence({ db, hooks, feed, log, now, limits }: EvidenceParts): Evidence {
  let tail: Promise<void> = Promise.resolve()
  /** By job. A medium that is read tells much in a moment: what comes during a write shares the next one. */
  let waiting = new Map<string, Seen[]>()

  const store = async (tx: Tx, id: string, seen: readonly Seen[]) => {
    const job = await findJob(tx, id)
    if (!job) return undefined
    const rows: EvidenceRow[] = []
    for (const each of seen) {
      if (!each.sighting.passing) rows.push(await addEvidence(tx, rowOf(each)))
    }
    const change = changesOf(seen, job)
    const waits =
      job.status === 'provisioning' && job.poweredOnAt !== null && job.leaseOwner === null
    const changed =
      change &&
      (await patchJob(tx, job.id, [job.status], {
        ...change,
        ...(waits ? { nextCheckAt: deadlineOf({ ...job, ...change } as Job, limits).at } : {}),
      }))
    return { rows, job: changed }
  }

  const storeAndTell = async (id: string, seen: readonly Seen[]) => {
    try {
      const stored = await db.write((tx) => store(tx, id, seen))
      if (!stored) return
      for (const row of stored.rows) feed.publish(id, { kind: 'evidence', row })
      for (const { sighting } of seen) hooks.seen.call(sighting)
      if (stored.job) feed.publish(id, { kind: 'job', job: stored.job })
    } catch (error) {
      log.error({ job: id, err: error, count: seen.length }, 'sightings could not be stored')
    }
  }

  const storeAll = async () => {
    const jobs = waiting
    waiting = new Map()
    await Promise.all([...jobs].map(([id, seen]) => storeAndTell(id, seen)))
  }

  return {
    see(sighting) {
      if (waiting.size === 0) tail = tail.then(storeAll)
      const seen = waiting.get(sighting.job) ?? []
      seen.push({ sighting, at: now() })
      waiting.set(sighting.job, seen)
    },
    settled: () => tail,
  }
}
