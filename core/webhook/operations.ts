// SPDX-License-Identifier: AGPL-3.0-or-later
import {
  ClaimAnswer,
  ClaimRequest,
  LogLines,
  ReportAnswer,
  StatusReport,
} from '../../schemas/webhook.ts'
import type { OperationTable } from '../http/operation.ts'

export const callOperations: OperationTable = {
  tag: 'machine calls',
  about: 'What a machine says while its job runs. The task ISO holds the URLs and the token.',
  schemas: { ClaimRequest, ClaimAnswer, StatusReport, ReportAnswer, LogLines },
  operations: [
    {
      ...{ method: 'post', path: '/api/v1/claim/:id', id: 'claimJob', access: 'job' },
      summary: 'Take the job, once, before the first write',
      about: 'On 409 and 410 the machine writes nothing and powers off; on 503 it asks again.',
      body: ClaimRequest,
      answers: { 200: { says: 'the machine may write', schema: ClaimAnswer } },
      faults: ['job.claimed', 'job.over', 'job.not-yet', 'job.not-found', 'machine.restarted'],
    },
    {
      ...{ method: 'post', path: '/api/v1/status-webhook/:serial', id: 'reportStatus' },
      access: 'webhook',
      summary: 'Progress, and the final report',
      about: 'Delivered at least once, applied once: a repeat is answered and changes nothing.',
      body: StatusReport,
      answers: { 200: { says: 'heard; `over` means stop', schema: ReportAnswer } },
      faults: ['webhook.other-machine', 'request.not-found'],
    },
    {
      ...{ method: 'post', path: '/api/v1/jobs/:id/log', id: 'writeJobLog', access: 'job' },
      summary: 'Lines for the log of the job',
      body: LogLines,
      answers: { 200: { says: 'stored; `over` means that they were not', schema: ReportAnswer } },
      faults: ['job.log-full'],
    },
    {
      ...{ method: 'post', path: '/booted/:token', id: 'reportBoot', access: 'url' },
      summary: 'The installed system calls home',
      about: 'On the BMC-facing ports in plain HTTP: cloud-init can send no header.',
      answers: { 200: { says: 'noted', schema: ReportAnswer } },
      faults: ['request.not-found'],
    },
  ],
}
