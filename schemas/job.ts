// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'
import { Count, NextCursor, Time, type View } from './view.ts'

export const JOB_STATUSES = ['queued', 'provisioning', 'succeeded', 'failed', 'complete'] as const
export type JobStatus = (typeof JOB_STATUSES)[number]
export const JOB_RESULTS = ['succeeded', 'failed', 'canceled'] as const
export type JobResult = (typeof JOB_RESULTS)[number]

/** What all targets share, loose; submit() normalises it and parses it by the workflow's own strict schema. */
const RecipeInput = v.pipe(
  v.unknown(),
  v.metadata({ type: 'object', description: 'see /api/v1/recipe.schema.json' }),
  v.check((recipe) => !Array.isArray(recipe), 'must be an object, not a list'),
  v.record(v.string(), v.unknown()),
)

/** POST /api/v1/jobs */
export const JobRequest = v.strictObject({
  server_serial: v.pipe(v.string(), v.trim(), v.minLength(1), v.maxLength(64)),
  recipe: RecipeInput,
  /** Eject another appliance's image instead of refusing. */
  take_over: v.optional(v.boolean(), false),
})
export type JobRequest = v.InferOutput<typeof JobRequest>

/** POST /api/v1/jobs/{id}/cancel */
export const CancelRequest = v.strictObject({
  reason: v.optional(v.pipe(v.string(), v.maxLength(500))),
})

export const PHASES = ['booting', 'checking', 'writing', 'finishing'] as const

/** How much of its image the machine has pulled from our registry, as we see it. */
const JobPull = v.object({
  bytes: Count,
  total_bytes: Count,
  percent: v.pipe(v.number(), v.minValue(0), v.maxValue(100)),
})

/** How far the machine is, in its own words; where it has none for it, `pull` gives bytes and percent. */
export const JobProgress = v.object({
  phase: v.picklist(PHASES),
  step: v.exactOptional(v.string()),
  percent: v.exactOptional(v.pipe(v.number(), v.minValue(0), v.maxValue(100))),
  bytes: v.exactOptional(Count),
  total_bytes: v.exactOptional(Count),
  message: v.exactOptional(v.string()),
  pull: v.exactOptional(JobPull),
})
export type JobProgress = View<typeof JobProgress>

export const EVIDENCE_LEVELS = [
  'fetched',
  'read',
  'stage',
  'claimed',
  'reported',
  'booted',
  'pulled',
] as const
const Slot = v.picklist(['boot', 'task'])

/** One thing that we saw ourselves. */
export const JobEvidence = v.object({
  time: Time,
  level: v.picklist(EVIDENCE_LEVELS),
  detail: v.string(),
  slot: v.exactOptional(Slot),
  region: v.exactOptional(v.string()),
  bytes: v.exactOptional(Count),
  percent: v.exactOptional(Count),
  from: v.exactOptional(v.string()),
})
export type JobEvidence = View<typeof JobEvidence>

const eventEntries = {
  time: Time,
  level: v.picklist(['info', 'warn', 'error']),
  message: v.string(),
  step: v.exactOptional(v.string()),
}

export const JobEvent = v.object(eventEntries)
export type JobEvent = View<typeof JobEvent>

/** GET /api/v1/jobs/{id}/log */
export const JobLog = v.object({
  lines: v.array(v.object({ ...eventEntries, source: v.picklist(['appliance', 'machine']) })),
})
export type JobLog = View<typeof JobLog>

/** One image of the job, as the machine was given it. The URL's token is left out. */
export const JobMedia = v.object({
  slot: Slot,
  name: v.string(),
  drive: v.string(),
  url: v.string(),
  size_bytes: Count,
  bytes_read: Count,
})
export type JobMedia = View<typeof JobMedia>

/** Where a machine that came no further was seen last. */
export const JobDiagnosis = v.object({
  last_seen: v.string(),
  usually_follows: v.string(),
  look_at: v.string(),
})
export type JobDiagnosis = View<typeof JobDiagnosis>

/** A job as the API shows it (GET /api/v1/jobs/{id}; lists leave out events and evidence). Times are RFC 3339. */
export const JobView = v.object({
  job_id: v.string(),
  server_serial: v.string(),
  status: v.picklist(JOB_STATUSES),
  result: v.exactOptional(v.picklist(JOB_RESULTS)),
  failed_step: v.exactOptional(v.string()),
  failed_code: v.exactOptional(v.string()),
  failed_reason: v.exactOptional(v.string()),
  retry_of: v.exactOptional(v.string()),
  cleanup: v.exactOptional(v.picklist(['pending', 'done', 'superseded'])),
  task_target: v.string(),
  progress: v.exactOptional(JobProgress),
  media_plan: v.exactOptional(v.string()),
  media_plan_reason: v.exactOptional(v.string()),
  media: v.array(JobMedia),
  launches: Count,
  created_by: v.string(),
  created_at: Time,
  last_update: Time,
  powered_on_at: v.exactOptional(Time),
  claimed_at: v.exactOptional(Time),
  booted_at: v.exactOptional(Time),
  completed_at: v.exactOptional(Time),
  /** Of a job that failed without the machine's report; with the evidence only. */
  diagnosis: v.exactOptional(JobDiagnosis),
  evidence: v.exactOptional(v.array(JobEvidence)),
  events: v.exactOptional(v.array(JobEvent)),
})
export type JobView = View<typeof JobView>

/** 202 of POST /api/v1/jobs. */
export const JobAccepted = v.object({
  job_id: v.string(),
  status: v.picklist(JOB_STATUSES),
  server_serial: v.string(),
  created_at: Time,
  retry_of: v.exactOptional(v.string()),
  warnings: v.array(v.string()),
})
export type JobAccepted = View<typeof JobAccepted>

/** 200 of POST /api/v1/jobs?dry_run=true. */
export const DryRunView = v.object({
  dry_run: v.literal(true),
  server_serial: v.string(),
  task_target: v.string(),
  media_plan: v.exactOptional(v.string()),
  media_plan_reason: v.exactOptional(v.string()),
  files: v.array(v.string()),
  warnings: v.array(v.string()),
})
export type DryRunView = View<typeof DryRunView>

export const JobList = v.object({ jobs: v.array(JobView), next_cursor: NextCursor })
export type JobList = View<typeof JobList>
