// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'

export const JOB_STATUSES = ['queued', 'provisioning', 'succeeded', 'failed', 'complete'] as const
export type JobStatus = (typeof JOB_STATUSES)[number]
export const JOB_RESULTS = ['succeeded', 'failed', 'canceled'] as const
export type JobResult = (typeof JOB_RESULTS)[number]

/** What all targets share, loose; submit() normalises it and parses it by the workflow's own strict schema. */
const RecipeInput = v.pipe(
  v.unknown(),
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

/** How far the machine is, in its own words. */
export interface JobProgress {
  readonly phase: (typeof PHASES)[number]
  readonly step?: string
  readonly percent?: number
  readonly bytes?: number
  readonly total_bytes?: number
  readonly message?: string
}

/** One thing that we saw ourselves. */
export interface JobEvidence {
  readonly time: string
  readonly level: 'fetched' | 'read' | 'stage' | 'claimed' | 'reported' | 'booted'
  readonly detail: string
  readonly slot?: 'boot' | 'task'
  readonly region?: string
  readonly bytes?: number
  readonly percent?: number
  readonly from?: string
}

export interface JobEvent {
  readonly time: string
  readonly level: 'info' | 'warn' | 'error'
  readonly message: string
  readonly step?: string
}

/** One image of the job, as the machine was given it. The URL's token is left out. */
export interface JobMedia {
  readonly slot: 'boot' | 'task'
  readonly name: string
  readonly drive: string
  readonly url: string
  readonly size_bytes: number
  readonly bytes_read: number
}

/** A job as the API shows it (GET /api/v1/jobs/{id}; lists leave out events and evidence). Times are RFC 3339. */
export interface JobView {
  readonly job_id: string
  readonly server_serial: string
  readonly status: JobStatus
  readonly result?: JobResult
  readonly failed_step?: string
  readonly failed_code?: string
  readonly failed_reason?: string
  readonly retry_of?: string
  readonly cleanup?: 'pending' | 'done' | 'superseded'
  readonly task_target: string
  readonly progress?: JobProgress
  readonly media_plan?: string
  readonly media_plan_reason?: string
  readonly media: readonly JobMedia[]
  readonly launches: number
  readonly created_by: string
  readonly created_at: string
  readonly last_update: string
  readonly powered_on_at?: string
  readonly claimed_at?: string
  readonly booted_at?: string
  readonly completed_at?: string
  readonly evidence?: readonly JobEvidence[]
  readonly events?: readonly JobEvent[]
}

/** 202 of POST /api/v1/jobs. */
export interface JobAccepted {
  readonly job_id: string
  readonly status: JobStatus
  readonly server_serial: string
  readonly created_at: string
  readonly retry_of?: string
  readonly warnings: readonly string[]
}

/** 200 of POST /api/v1/jobs?dry_run=true. */
export interface DryRunView {
  readonly dry_run: true
  readonly server_serial: string
  readonly task_target: string
  readonly media_plan?: string
  readonly media_plan_reason?: string
  readonly files: readonly string[]
  readonly warnings: readonly string[]
}

export interface JobList {
  readonly jobs: readonly JobView[]
  /** Give it back as `cursor`; absent on the last page. */
  readonly next_cursor?: string
}
