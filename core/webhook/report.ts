// SPDX-License-Identifier: AGPL-3.0-or-later
import type { JobProgress } from '../../schemas/job.ts'
import type { ReportAnswer, StatusReport } from '../../schemas/webhook.ts'
import { close, type Ending } from '../jobs/close.ts'
import { deadlineOf } from '../jobs/deadlines.ts'
import type { Evidence } from '../jobs/evidence.ts'
import type { Job } from '../jobs/job.ts'
import type { JobParts } from '../jobs/parts.ts'
import { findJob, knowsDelivery, patchJob, recordDelivery } from '../store/jobs.ts'

/**
 * The machine was heard: a word that counts as a claim is one, when none came before. Who writes is on:
 * a launch that is still under way ends there, and does not touch its power any more.
 */
const heard = (job: Job, counts: boolean, now: number) => ({
  heardAt: now,
  pausedMs: 0,
  updatedAt: now,
  ...(counts && job.claimedAt === null ? { claimedAt: now } : {}),
  ...(counts && job.poweredOnAt === null ? { poweredOnAt: now } : {}),
})

/** Progress in `writing` or `finishing` says that the disk was touched. */
const writes = (phase: JobProgress['phase']) => phase === 'writing' || phase === 'finishing'

async function progress(parts: JobParts, job: Job, report: StatusReport): Promise<ReportAnswer> {
  const now = parts.now()
  const phase = report.phase ?? job.progress?.phase ?? 'checking'
  const view: JobProgress = {
    phase,
    ...(report.step === undefined ? {} : { step: report.step }),
    ...(report.percent === undefined ? {} : { percent: report.percent }),
    ...(report.bytes === undefined ? {} : { bytes: report.bytes }),
    ...(report.total_bytes === undefined ? {} : { total_bytes: report.total_bytes }),
    ...(report.message === undefined ? {} : { message: report.message }),
  }
  const news = job.progress?.phase !== phase || job.progress.step !== report.step
  const line = {
    level: 'info',
    message: `${phase}${report.step ? `: ${report.step}` : ''}`,
    step: report.step,
    source: 'machine',
  } as const
  const changed = await parts.book.change(
    async (tx) => {
      // As it is now: a claim may have come in since the caller was looked up.
      const fresh = await findJob(tx, job.id)
      if (!fresh) return undefined
      const { pull } = fresh.progress ?? {}
      const change = {
        ...heard(fresh, writes(phase), now),
        progress: { ...view, ...(pull ? { pull } : {}) },
      }
      const heardJob = { ...fresh, ...change }
      const waits = heardJob.poweredOnAt !== null
      return patchJob(tx, job.id, ['provisioning'], {
        ...change,
        ...(waits ? { nextCheckAt: deadlineOf(heardJob, parts.config.limits).at } : {}),
      })
    },
    ...(news ? [line] : []),
  )
  return changed ? { ok: true } : { ok: true, over: true }
}

/** A unit is its workflow's; what the dispatcher says of itself (`machine.mismatch`) is a code already. */
const isCode = (step: string) => /^machine\.[a-z-]+$/.test(step)

const codeOf = (step: string) =>
  isCode(step) ? step : `workflow.${step.replace(/\.service$/, '')}`

function endingOf(report: StatusReport): Ending {
  if (report.status === 'success') return { result: 'succeeded' }
  const step = report.failed_step || 'unknown'
  const said = report.message ? `: ${report.message}` : ''
  if (isCode(step) && report.message) {
    return { result: 'failed', step, code: step, reason: report.message }
  }
  return {
    result: 'failed',
    step,
    code: codeOf(step),
    reason: `${step} failed on the machine${said}; \`slipway job log\` shows what it wrote`,
  }
}

/** The final word. Applied once: the delivery id is stored in the same transaction as the result. */
async function final(parts: JobParts, evidence: Evidence, job: Job, report: StatusReport) {
  const now = parts.now()
  const ending = endingOf(report)
  const delivery = report.delivery_id
  const changed = await parts.book.change(
    async (tx) => {
      const fresh = await findJob(tx, job.id)
      if (!fresh) return undefined
      const change = { ...heard(fresh, true, now), reportedAt: now }
      const closed = await close(tx, job.id, ending, now, change)
      if (closed && delivery) await recordDelivery(tx, job.id, delivery, now)
      return closed
    },
    {
      level: ending.result === 'succeeded' ? 'info' : 'error',
      message: ending.reason ?? 'the machine reports success',
      step: ending.step,
      source: 'machine',
    },
  )
  if (!changed) return undefined
  evidence.see({ job: job.id, level: 'reported', detail: `the machine reported ${report.status}` })
  return changed
}

/**
 * A report of the machine, delivered at least once, applied once. Once a job is over every answer
 * is `over`: it changes nothing.
 */
export async function report(
  parts: JobParts,
  evidence: Evidence,
  job: Job,
  body: StatusReport,
): Promise<ReportAnswer> {
  if (body.status === 'progress') return progress(parts, job, body)
  const applied = await final(parts, evidence, job, body)
  if (applied) return { ok: true }
  const known = body.delivery_id && (await knowsDelivery(parts.db.read, job.id, body.delivery_id))
  return { ok: true, ...(known ? { idempotent: true } : {}), over: true }
}
