// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'
import { PHASES } from './job.ts'
import { Count, type View } from './view.ts'

const Text = (longest: number) => v.pipe(v.string(), v.maxLength(longest))

const REPORTS = ['success', 'failed', 'progress'] as const

/** Body of POST /api/v1/status-webhook/{serial}; `status` is case-insensitive, unknown keys are dropped. */
export const StatusReport = v.object({
  status: v.pipe(v.string(), v.metadata({ enum: REPORTS }), v.toLowerCase(), v.picklist(REPORTS)),
  failed_step: v.optional(Text(200)),
  /** One sentence of the machine about the failure. */
  message: v.optional(Text(2_000)),
  delivery_id: v.optional(Text(200)),
  task_target: v.optional(Text(200)),
  started_at: v.optional(Text(64)),
  finished_at: v.optional(Text(64)),
  dispatcher_version: v.optional(Text(100)),
  schema_id: v.optional(Text(300)),
  phase: v.optional(v.picklist(PHASES)),
  step: v.optional(Text(200)),
  percent: v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(100))),
  bytes: v.optional(Count),
  total_bytes: v.optional(Count),
})
export type StatusReport = v.InferOutput<typeof StatusReport>

/** Body of POST /api/v1/claim/{job_id}: the machine's word, before its first write, that it takes this job. */
export const ClaimRequest = v.object({
  nonce: v.pipe(v.string(), v.minLength(8), v.maxLength(200)),
  boot_id: v.pipe(v.string(), v.minLength(1), v.maxLength(100)),
  serial: v.optional(Text(100)),
  uuid: v.optional(Text(100)),
  target_disk: v.optional(
    v.object({
      path: v.optional(Text(300)),
      serial: v.optional(Text(200)),
      wwn: v.optional(Text(200)),
    }),
  ),
  inventory: v.optional(v.record(v.string(), v.unknown())),
})
export type ClaimRequest = v.InferOutput<typeof ClaimRequest>

/** Body of POST /api/v1/jobs/{id}/log: lines that the machine wrote. */
export const LogLines = v.object({
  lines: v.pipe(v.array(v.pipe(v.string(), v.maxLength(8_192))), v.maxLength(1_000)),
  level: v.optional(v.picklist(['info', 'warn', 'error']), 'info'),
  step: v.optional(Text(200)),
})

/** What the machine is told of its report. `over`: the job has ended, stop and power off. */
export const ReportAnswer = v.object({
  ok: v.literal(true),
  idempotent: v.exactOptional(v.literal(true)),
  over: v.exactOptional(v.literal(true)),
})
export type ReportAnswer = View<typeof ReportAnswer>

/** The machine may write. */
export const ClaimAnswer = v.object({ ok: v.literal(true), job_id: v.string() })
