// SPDX-License-Identifier: AGPL-3.0-or-later
import { type Context, Hono } from 'hono'
import * as v from 'valibot'
import {
  CancelRequest,
  JOB_RESULTS,
  JOB_STATUSES,
  type JobAccepted,
  JobRequest,
} from '../../schemas/job.ts'
import { requestFaults } from '../faults.ts'
import type { ApiEnv } from '../http/env.ts'
import { fromCursor, labelsOf, limitOf, onlyQuery, toCursor, wordOf } from '../http/query.ts'
import { checked, parseJson, readBody, readJson } from '../http/read-json.ts'
import { eventsOf } from '../store/job-story.ts'
import { MiB } from '../units.ts'
import { jobFaults } from './faults.ts'
import type { Feed } from './feed.ts'
import type { Jobs } from './jobs.ts'
import type { JobParts } from './parts.ts'
import type { Accepted } from './submit.ts'
import { eventView, jobView, time } from './view.ts'
import { watchJob } from './watch.ts'

const Cursor = v.tuple([v.number(), v.string()])
const KEY = /^[\x21-\x7e]{1,200}$/

/** The contract's header, and the spelling of the older design. */
function idempotencyKey(c: Context): string | undefined {
  const key = c.req.header('idempotency-key') ?? c.req.header('idempotency_key')
  if (key === undefined || KEY.test(key)) return key
  throw requestFaults.invalid('Idempotency-Key must be 1 to 200 visible ASCII characters')
}

const accepted = ({ job, warnings }: Accepted): JobAccepted => ({
  job_id: job.id,
  status: job.status,
  server_serial: job.serial,
  created_at: time(job.createdAt),
  ...(job.retryOf ? { retry_of: job.retryOf } : {}),
  warnings,
})

const FILTERS = ['status', 'result', 'serial', 'label', 'limit', 'cursor']

async function page(c: Context, jobs: Jobs, parts: JobParts) {
  onlyQuery(c, FILTERS)
  const cursor = fromCursor(c)
  const [createdAt, id] = cursor === undefined ? [] : checked(Cursor, cursor, 'the cursor')
  const serial = c.req.query('serial')
  const limit = limitOf(c)
  const found = await jobs.list({
    status: wordOf(c, 'status', JOB_STATUSES),
    result: wordOf(c, 'result', JOB_RESULTS),
    machineId: serial === undefined ? undefined : (await parts.machines.named(serial)).id,
    labels: labelsOf(c),
    limit: limit + 1,
    before: createdAt === undefined || id === undefined ? undefined : { createdAt, id },
  })
  const shown = found.slice(0, limit)
  const last = shown.at(-1)
  return {
    jobs: shown.map((job) => jobView(job)),
    ...(found.length > limit && last ? { next_cursor: toCursor([last.createdAt, last.id]) } : {}),
  }
}

/** `/api/v1/jobs`: for people and programs. */
export function jobRoutes(jobs: Jobs, parts: JobParts, feed: Feed): Hono<ApiEnv> {
  const watching = { db: parts.db, book: parts.book, feed }
  const existing = async (c: Context) => {
    const id = c.req.param('id') ?? ''
    const job = await jobs.get(id)
    if (job) return job
    throw jobFaults.notFound(`there is no job ${id.slice(0, 64)}`)
  }
  return new Hono<ApiEnv>()
    .post('/', async (c) => {
      const request = await readJson(c, JobRequest)
      c.set('audited', { serial: request.server_serial })
      // Another word is refused: read as no it would erase a disk.
      if (wordOf(c, 'dry_run', ['true', 'false']) === 'true')
        return c.json(await jobs.dryRun(request, c.get('principal')))
      const answer = await jobs.submit(request, c.get('principal'), idempotencyKey(c))
      c.set('audited', { serial: answer.job.serial, job: answer.job.id })
      return c.json(accepted(answer), answer.repeated ? 200 : 202)
    })
    .get('/', async (c) => c.json(await page(c, jobs, parts)))
    .get('/:id', async (c) => c.json(await jobs.view(c.req.param('id'))))
    .post('/:id/cancel', async (c) => {
      const body = await readBody(c, MiB)
      const { reason } = checked(CancelRequest, body.length === 0 ? {} : parseJson(body))
      return c.json(jobView(await jobs.cancel(c.req.param('id'), c.get('principal'), reason)))
    })
    .post('/:id/retry', async (c) =>
      c.json(accepted(await jobs.retry(c.req.param('id'), c.get('principal'))), 202),
    )
    .get('/:id/events', async (c) =>
      watchJob(c, watching, await existing(c), ['job', 'log', 'evidence']),
    )
    .get('/:id/transcript', async (c) => {
      const job = await existing(c)
      const lines = (await parts.transcripts.read(job.id)) ?? new Blob([])
      return c.body(lines.stream(), 200, {
        'Content-Type': 'application/x-ndjson',
        'Cache-Control': 'no-store',
      })
    })
    .get('/:id/log', async (c) => {
      const job = await existing(c)
      if (wordOf(c, 'follow', ['true', 'false']) === 'true')
        return watchJob(c, watching, job, ['log'])
      const rows = await eventsOf(parts.db.read, job.id)
      return c.json({ lines: rows.map((row) => ({ ...eventView(row), source: row.source })) })
    })
}
