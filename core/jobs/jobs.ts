// SPDX-License-Identifier: AGPL-3.0-or-later

import type { DryRunView, JobRequest, JobView } from '../../schemas/job.ts'
import type { ReportAnswer, StatusReport } from '../../schemas/webhook.ts'
import type { Principal } from '../auth/auth.ts'
import { digest } from '../seal.ts'
import { eventsOf, evidenceOf } from '../store/job-story.ts'
import {
  countByStatus,
  documentsOf,
  findJobByDigest,
  type JobFilter,
  listJobs,
} from '../store/jobs.ts'
import type { PublishedImage } from '../store/tables.ts'
import { report } from '../webhook/report.ts'
import { cancel } from './cancel.ts'
import { dryRun } from './dry-run.ts'
import type { Evidence } from './evidence.ts'
import { jobFaults } from './faults.ts'
import type { Job, JobStatus } from './job.ts'
import type { JobParts } from './parts.ts'
import { type Accepted, retry, submit } from './submit.ts'
import { jobView } from './view.ts'

/** The verbs of jobs: what routes and plugins may ask. */
export interface Jobs {
  get(id: string): Promise<Job | undefined>
  /** With its log and evidence. Throws `job.not-found`. */
  view(id: string): Promise<JobView>
  list(filter: JobFilter): Promise<readonly Job[]>
  /** How many jobs are in each status; statuses without jobs are left out. */
  count(): Promise<readonly { readonly status: JobStatus; readonly count: number }[]>
  submit(request: JobRequest, by: Principal, idempotencyKey?: string): Promise<Accepted>
  /** Checks recipe, machine and media plan at the controller; makes nothing. */
  dryRun(request: JobRequest, by: Principal): Promise<DryRunView>
  retry(id: string, by: Principal): Promise<Accepted>
  cancel(id: string, by: Principal, reason?: string): Promise<Job>
  /** The machine's report; a workflow without a webhook calls it itself. Applied once. */
  report(job: Job, body: StatusReport): Promise<ReportAnswer>
  /** The job whose media token this is, with its images, while the token is valid. */
  byMediaToken(token: string): Promise<{ job: Job; images: readonly PublishedImage[] } | undefined>
}

export function createJobs(parts: JobParts, evidence: Evidence): Jobs {
  const { book, db } = parts
  return {
    get: (id) => book.get(id),
    async view(id) {
      const job = await book.get(id)
      if (!job) throw jobFaults.notFound(`there is no job ${id.slice(0, 64)}`)
      const [events, seen] = await Promise.all([eventsOf(db.read, id), evidenceOf(db.read, id)])
      return jobView(job, { events, evidence: seen })
    },
    list: (filter) => listJobs(db.read, filter),
    count: () => countByStatus(db.read),
    submit: (request, by, idempotencyKey) =>
      submit(parts, request, by, idempotencyKey === undefined ? {} : { idempotencyKey }),
    dryRun: (request, by) => dryRun(parts, request, by),
    retry: (id, by) => retry(parts, id, by),
    cancel: (id, by, reason) => cancel(parts, id, by, reason),
    report: (job, body) => report(parts, evidence, job, body),
    async byMediaToken(token) {
      const job = await findJobByDigest(db.read, 'mediaTokenDigest', digest(token))
      if (!job?.mediaValid) return undefined
      return { job, images: (await documentsOf(db.read, job.id)).images }
    },
  }
}
