// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'
import * as job from '../../schemas/job.ts'
import { JobQuery, LogQuery, SubmitHeaders, SubmitQuery } from '../../schemas/query.ts'
import type { OperationTable } from '../http/operation.ts'

const { CancelRequest, DryRunView, JobAccepted, JobDiagnosis, JobEvent, JobEvidence } = job
const { JobList, JobLog, JobMedia, JobProgress, JobRequest, JobView } = job
const EVENTS = ['text/event-stream']

export const jobOperations: OperationTable = {
  tag: 'jobs',
  about: 'One request to provision one machine, and what became of it.',
  schemas: {
    ...{ JobRequest, CancelRequest, JobAccepted, DryRunView, JobList, JobView, JobLog },
    ...{ JobProgress, JobMedia, JobEvidence, JobEvent, JobDiagnosis },
  },
  operations: [
    {
      ...{ method: 'post', path: '/api/v1/jobs', id: 'submitJob', access: 'operator' },
      summary: 'Provision a machine, or check whether that would go',
      about:
        'What the recipe may hold says `/api/v1/recipe.schema.json`. Payloads and the media plan are judged by plugins, which refuse with codes of their own.',
      ...{ query: SubmitQuery, headers: SubmitHeaders, body: JobRequest },
      answers: {
        200: {
          says: 'with `dry_run`: what the job would meet; else the job that this idempotency key made before',
          schema: v.union([DryRunView, JobAccepted]),
        },
        202: { says: 'the job is queued', schema: JobAccepted },
      },
      faults: [
        ...['recipe.invalid', 'recipe.unsupported', 'machine.not-found', 'machine.ambiguous'],
        ...['machine.protected', 'machine.no-bmc', 'conflict.active_job', 'conflict.idempotency'],
      ],
    },
    {
      ...{ method: 'get', path: '/api/v1/jobs', id: 'listJobs', access: 'viewer' },
      summary: 'Jobs, the newest first',
      query: JobQuery,
      answers: { 200: { says: 'a page of jobs, without events and evidence', schema: JobList } },
      faults: ['machine.not-found', 'machine.ambiguous'],
    },
    {
      ...{ method: 'get', path: '/api/v1/jobs/:id', id: 'getJob', access: 'viewer' },
      summary: 'A job with its log and its evidence',
      answers: { 200: { says: 'the job', schema: JobView } },
      faults: ['job.not-found'],
    },
    {
      ...{ method: 'post', path: '/api/v1/jobs/:id/cancel', id: 'cancelJob', access: 'operator' },
      summary: 'End a job; may be repeated',
      ...{ body: CancelRequest, bodyOptional: true },
      answers: { 200: { says: 'the canceled job', schema: JobView } },
      faults: ['job.not-found', 'conflict.finished'],
    },
    {
      ...{ method: 'post', path: '/api/v1/jobs/:id/retry', id: 'retryJob', access: 'operator' },
      summary: 'A new job with the recipe of an old one',
      answers: { 202: { says: 'the new job is queued', schema: JobAccepted } },
      faults: [
        ...['job.not-found', 'recipe.invalid', 'recipe.unsupported', 'machine.not-found'],
        ...['machine.ambiguous', 'machine.protected', 'conflict.active_job'],
      ],
    },
    {
      ...{ method: 'get', path: '/api/v1/jobs/:id/events', id: 'watchJob', access: 'viewer' },
      summary: 'The story of a job as it happens',
      about:
        'Server-sent events `job`, `log` and `evidence`, then `end`. `Last-Event-ID` goes on where a cut connection stopped.',
      answers: { 200: { says: 'until the job is over', types: EVENTS } },
      faults: ['job.not-found'],
    },
    {
      ...{ method: 'get', path: '/api/v1/jobs/:id/transcript', id: 'readJobTranscript' },
      access: 'viewer',
      summary: 'What was said between us and the controller, secrets removed',
      answers: { 200: { says: 'one JSON object a line', types: ['application/x-ndjson'] } },
      faults: ['job.not-found'],
    },
    {
      ...{ method: 'get', path: '/api/v1/jobs/:id/log', id: 'readJobLog', access: 'viewer' },
      summary: 'The log of a job',
      query: LogQuery,
      answers: { 200: { says: 'its lines so far', schema: JobLog, types: EVENTS } },
      faults: ['job.not-found'],
    },
  ],
}
