// SPDX-License-Identifier: AGPL-3.0-or-later
import { Hono } from 'hono'
import { ClaimRequest, LogLines, StatusReport } from '../../schemas/webhook.ts'
import { requestFaults } from '../faults.ts'
import type { ApiEnv } from '../http/env.ts'
import { checked, parseJson, readBody, readJson } from '../http/read-json.ts'
import type { Evidence } from '../jobs/evidence.ts'
import { jobFaults } from '../jobs/faults.ts'
import type { Jobs } from '../jobs/jobs.ts'
import type { JobParts } from '../jobs/parts.ts'
import { digest } from '../seal.ts'
import { countEvents } from '../store/job-story.ts'
import { findJobByDigest, patchJob } from '../store/jobs.ts'
import { DAY, MiB } from '../units.ts'
import { jobByToken, reportingJob } from './caller.ts'
import { claim } from './claim.ts'

const MOST_LINES = 20_000

/** What the machine calls: claim, status webhook and log. Each checks its caller itself. */
export function machineRoutes(jobs: Jobs, parts: JobParts, evidence: Evidence): Hono<ApiEnv> {
  return new Hono<ApiEnv>()
    .post('/api/v1/status-webhook/:serial', async (c) => {
      const job = await reportingJob(parts, c, c.req.param('serial'))
      return c.json(await jobs.report(job, await readJson(c, StatusReport, MiB)))
    })
    .post('/api/v1/claim/:id', async (c) => {
      const job = await jobByToken(parts, c, c.req.param('id'))
      await claim(
        parts,
        evidence,
        job,
        await readJson(c, ClaimRequest, MiB),
        c.get('clientAddress'),
      )
      return c.json({ ok: true, job_id: job.id })
    })
    .post('/api/v1/jobs/:id/log', async (c) => {
      const job = await jobByToken(parts, c, c.req.param('id'))
      const { lines, level, step } = checked(LogLines, parseJson(await readBody(c, MiB)))
      if (job.status !== 'provisioning') return c.json({ ok: true, over: true })
      const known = await countEvents(parts.db.read, job.id, 'machine')
      if (known + lines.length > MOST_LINES) {
        throw jobFaults.logFull(
          `the log of a job holds ${MOST_LINES} lines of its machine; it is full`,
        )
      }
      const said = lines.map((message) => ({ level, message, step, source: 'machine' }) as const)
      await parts.book.note(job.id, ...said)
      return c.json({ ok: true })
    })
}

/** What the installed system calls, in plain HTTP: cloud-init can send no header and knows no CA of ours. */
export function bootedRoutes(parts: JobParts, evidence: Evidence): Hono<ApiEnv> {
  return new Hono<ApiEnv>().post('/booted/:token', async (c) => {
    const job = await findJobByDigest(
      parts.db.read,
      'bootedTokenDigest',
      digest(c.req.param('token')),
    )
    const now = parts.now()
    const late = job?.completedAt != null && now > job.completedAt + DAY
    if (!job || job.reportedAt === null || late)
      throw requestFaults.notFound('nothing waits for this call')
    if (job.bootedAt !== null) return c.json({ ok: true })
    await parts.book.change(
      (tx) => patchJob(tx, job.id, [job.status], { bootedAt: now, updatedAt: now }),
      {
        level: 'info',
        message: 'the installed system has booted',
        step: 'booted',
        source: 'machine',
      },
    )
    evidence.see({ job: job.id, level: 'booted', detail: 'the installed system called home' })
    return c.json({ ok: true })
  })
}
