// SPDX-License-Identifier: AGPL-3.0-or-later
import type { JobDocument } from '../../schemas/job-document.ts'
import type { Machine } from '../machines/machine.ts'
import type { Job } from './job.ts'
import type { JobParts } from './parts.ts'
import { openBootedToken, openToken } from './secrets.ts'

const bracketed = (address: string) => (address.includes(':') ? `[${address}]` : address)

/** Where the machine may reach us: what was configured, else the BMC-facing address first, then every other. */
function baseUrls(parts: JobParts, machine: Machine, facing: string): readonly string[] {
  const configured = machine.reportBaseUrls ?? [parts.config.report.base_url].flat()
  if (configured.length > 0) return configured
  const port = parts.addresses.apiPort()
  return [...new Set([facing, ...parts.addresses.own()])].map(
    (address) => `https://${bracketed(address)}:${port}`,
  )
}

/** `/job.json` of the task ISO. The same for each launch of a job, so that the ISO has the same bytes. */
export async function jobDocument(
  parts: JobParts,
  job: Job,
  machine: Machine,
  facing: string,
): Promise<JobDocument> {
  const uuid = machine.survey?.uuid
  // cloud-init knows no CA of ours: plain HTTP or nothing.
  const port = parts.addresses.fieldPort('http')
  return {
    schema: 'slipway.job/1',
    job_id: job.id,
    serials: [...(await parts.machines.ownNames(machine))],
    ...(uuid ? { uuid } : {}),
    base_urls: [...baseUrls(parts, machine, facing)],
    claim_url: `/api/v1/claim/${job.id}`,
    report_url: `/api/v1/status-webhook/${encodeURIComponent(machine.serial)}`,
    log_url: `/api/v1/jobs/${job.id}/log`,
    ...(port === undefined
      ? {}
      : { booted: { port, path: `/booted/${openBootedToken(parts.sealer, job)}` } }),
    token: openToken(parts.sealer, job),
    ca_pem: parts.caPem(),
    not_before: new Date(job.createdAt).toISOString(),
  }
}
