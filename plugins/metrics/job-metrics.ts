// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Sighting } from '../../core/hooks.ts'
import type { Job } from '../../core/jobs/job.ts'
import type { Jobs } from '../../core/jobs/jobs.ts'
import type { Registry } from '../../core/metrics/registry.ts'
import { SECOND } from '../../core/units.ts'

/** Seconds; from a launch that fails at once to the longest deadline of a report. */
const BOUNDS = [1, 5, 15, 30, 60, 120, 300, 600, 1_200, 1_800, 3_600, 7_200, 14_400]
/** Jobs and slots that are remembered, to tell a change from what is known; the oldest go. */
const MOST_KNOWN = 10_000

/** What was last seen of a job. */
interface Known {
  readonly status: string | undefined
  readonly result: string | null
  readonly launches: number
}

/** When the job came to its present status, as far as its row says. */
function reachedAt(job: Job): number {
  if (job.status === 'complete') return job.completedAt ?? job.updatedAt
  if (job.status === 'succeeded' || job.status === 'failed') return job.reportedAt ?? job.updatedAt
  return job.createdAt
}

/** What an earlier process has counted of a job that is new to this one. */
function countedBefore(job: Job, startedAt: number): Known {
  const ended = job.reportedAt !== null && job.reportedAt < startedAt
  return {
    status: reachedAt(job) < startedAt ? job.status : undefined,
    result: ended ? job.result : null,
    launches: job.createdAt < startedAt ? job.launches : 0,
  }
}

/** Puts a value in, and the oldest out when there are too many. */
function remember<T>(known: Map<string, T>, key: string, value: T): void {
  const [oldest] = known.keys()
  if (known.size >= MOST_KNOWN && !known.has(key) && oldest !== undefined) known.delete(oldest)
  known.set(key, value)
}

/** The spans of a job that is over, in seconds; only those that have both ends. */
function spansOf(job: Job): (readonly [phase: string, seconds: number])[] {
  const spans = [
    ['launch', job.createdAt, job.poweredOnAt],
    ['boot', job.poweredOnAt, job.claimedAt],
    ['install', job.claimedAt, job.reportedAt],
    ['settle', job.reportedAt, job.completedAt],
  ] as const
  return spans.flatMap(([phase, from, to]) =>
    from === null || to === null ? [] : [[phase, (to - from) / SECOND] as const],
  )
}

export interface JobMetrics {
  changed(job: Job): void
  seen(sighting: Sighting): void
}

/** Counts what the hooks tell. `startedAt` (Unix ms): older changes belong to an earlier process. */
export function createJobMetrics(registry: Registry, startedAt: number): JobMetrics {
  const jobs = new Map<string, Known>()
  /** Distinct bytes read, by job and slot. */
  const reads = new Map<string, number>()
  const changes = registry.counter(
    'slipway_job_status_changes_total',
    'Jobs that came to this status.',
  )
  const results = registry.counter('slipway_job_results_total', 'Jobs that ended so.')
  const launches = registry.counter('slipway_job_launches_total', 'Times a machine was launched.')
  const seconds = registry.histogram(
    'slipway_job_duration_seconds',
    'From the request to the end of the cleanup, by result.',
    BOUNDS,
  )
  const phases = registry.histogram(
    'slipway_job_phase_duration_seconds',
    'Parts of a finished job: launch (to power on), boot (to the claim), install (to the report), settle.',
    BOUNDS,
  )
  const sightings = registry.counter(
    'slipway_sightings_total',
    'Things seen of jobs: reads of media, claims, reports.',
  )
  const bytes = registry.counter(
    'slipway_media_distinct_bytes_total',
    'Bytes of images that were read for the first time.',
  )

  const countEnd = (job: Job) => {
    if (job.completedAt === null) return
    const result = job.result ?? 'unknown'
    seconds.observe({ result }, (job.completedAt - job.createdAt) / SECOND)
    for (const [phase, span] of spansOf(job)) phases.observe({ phase }, span)
  }

  return {
    changed(job) {
      const known = jobs.get(job.id) ?? countedBefore(job, startedAt)
      const { status, result, launches: begun } = job
      remember(jobs, job.id, { status, result, launches: begun })
      if (begun > known.launches) launches.add({}, begun - known.launches)
      if (result !== null && known.result === null) results.add({ result })
      if (status === known.status) return
      changes.add({ status })
      if (status === 'complete') countEnd(job)
    },
    seen({ job, level, slot, bytes: read }) {
      sightings.add({ level })
      if (slot === undefined || read === undefined) return
      const before = reads.get(`${job} ${slot}`) ?? 0
      remember(reads, `${job} ${slot}`, read)
      // Fewer than before: another image stands in the slot, and its count began anew.
      bytes.add({ slot }, read >= before ? read - before : read)
    },
  }
}

/** How many jobs are in each status, from the database at each look. */
export function watchStatuses(registry: Registry, jobs: Pick<Jobs, 'count'>) {
  let counts: Awaited<ReturnType<Jobs['count']>> = []
  registry.measured('slipway_jobs', 'Jobs by status.', 'gauge', () =>
    counts.map(({ status, count }) => ({ labels: { status }, value: count })),
  )
  return {
    async look() {
      counts = await jobs.count()
    },
  }
}
