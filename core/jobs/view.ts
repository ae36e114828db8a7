// SPDX-License-Identifier: AGPL-3.0-or-later
import type { JobEvent, JobEvidence, JobProgress, JobView } from '../../schemas/job.ts'
import { withoutTokens } from '../redact.ts'
import type { EventRow, EvidenceRow } from '../store/job-story.ts'
import type { Job } from './job.ts'
import { diagnose } from './stages.ts'

/** Unix ms as RFC 3339. */
export const time = (ms: number): string => new Date(ms).toISOString()

const given = <K extends string, V>(key: K, value: V | null | undefined) =>
  (value === null || value === undefined ? {} : { [key]: value }) as { [P in K]?: V }

const timed = <K extends string>(key: K, ms: number | null) =>
  given(key, ms === null ? undefined : time(ms))

/** A line of the job's log as `events[]` shows it. */
export const eventView = (row: EventRow): JobEvent => ({
  time: time(row.at),
  level: row.level,
  message: row.message,
  ...given('step', row.step),
})

export const evidenceView = (row: EvidenceRow): JobEvidence => ({
  time: time(row.at),
  level: row.level,
  detail: row.detail,
  ...given('slot', row.slot),
  ...given('region', row.region),
  ...given('bytes', row.bytes),
  ...given('percent', row.percent),
  ...given('from', row.reader),
})

/** Where the machine has no number for what it is at, ours for its pull stands in. */
function progressView(progress: JobProgress | null): JobProgress | null {
  if (!progress?.pull || progress.bytes !== undefined || progress.percent !== undefined) {
    return progress
  }
  return { ...progress, ...progress.pull }
}

/** A job on the wire. Nothing sealed leaves; URLs lose their token. */
export const jobView = (
  job: Job,
  story?: { readonly events: readonly EventRow[]; readonly evidence: readonly EvidenceRow[] },
): JobView => ({
  job_id: job.id,
  server_serial: job.serial,
  status: job.status,
  ...given('result', job.result),
  ...given('failed_step', job.failedStep),
  ...given('failed_code', job.failedCode),
  ...given('failed_reason', job.failedReason),
  ...given('retry_of', job.retryOf),
  ...given('cleanup', job.cleanup),
  task_target: job.taskTarget,
  ...given('progress', progressView(job.progress)),
  ...given('media_plan', job.mediaPlan),
  ...given('media_plan_reason', job.mediaPlanReason),
  media: job.media.map((each) => ({
    slot: each.slot,
    name: each.name,
    drive: each.driveUri,
    url: withoutTokens(each.imageUrl),
    size_bytes: each.sizeBytes,
    bytes_read: job.bytesRead[each.slot] ?? 0,
  })),
  launches: job.launches,
  created_by: job.createdBy,
  created_at: time(job.createdAt),
  last_update: time(job.updatedAt),
  ...timed('powered_on_at', job.poweredOnAt),
  ...timed('claimed_at', job.claimedAt),
  ...timed('booted_at', job.bootedAt),
  ...timed('completed_at', job.completedAt),
  ...(story && job.result === 'failed' && job.powerOnBegunAt !== null && job.reportedAt === null
    ? { diagnosis: diagnose(story.evidence) }
    : {}),
  ...(story && {
    evidence: story.evidence.map(evidenceView),
    events: story.events.map(eventView),
  }),
})
