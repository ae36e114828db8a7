// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Context } from 'hono'
import { requestFaults } from '../faults.ts'
import type { ApiEnv } from '../http/env.ts'
import type { Job } from '../jobs/job.ts'
import type { JobParts } from '../jobs/parts.ts'
import type { Machine } from '../machines/machine.ts'
import { sameName, spellings } from '../machines/names.ts'
import { digest, sameSecret } from '../seal.ts'
import { findJobByDigest, latestJob } from '../store/jobs.ts'
import { machinesNamed } from '../store/machines.ts'
import { webhookFaults } from './faults.ts'

const unauthorized = () =>
  webhookFaults.unauthorized(
    'the report carries neither the token of a job nor a configured webhook secret',
  )

/** The secret of a request: the job's token or a global one; empty when none was sent. */
export function secretOf(c: Context<ApiEnv>): string {
  const bearer = /^Bearer +(\S+)$/i.exec(c.req.header('authorization') ?? '')?.[1]
  const given = c.req.header('x-webhook-secret')
  if (bearer && given && bearer !== given) {
    throw webhookFaults.unauthorized('two different secrets were sent; send one')
  }
  return bearer ?? given ?? ''
}

const isGlobal = (parts: JobParts, secret: string) => {
  const { secret: current, secret_old: old } = parts.config.webhook
  return [current, old].some((known) => known !== '' && sameSecret(known, secret))
}

async function machineNamed(parts: JobParts, serial: string): Promise<readonly Machine[]> {
  return machinesNamed(parts.db.read, spellings(serial))
}

/** The job that a client certificate stands for: its CN is the job's id or the machine's serial. */
async function certified(parts: JobParts, name: string, job: Job | undefined): Promise<boolean> {
  if (!job) return false
  const machine = await parts.machines.byId(job.machineId)
  const names = [job.id, job.serial, ...(machine?.aliases ?? [])]
  return names.some((each) => sameName(each, name))
}

/**
 * The job that a report speaks of. What is sent must all hold: a job's token ties the call to exactly
 * that job, a global secret to the machine's job under way, a client certificate to its CN.
 */
export async function reportingJob(
  parts: JobParts,
  c: Context<ApiEnv>,
  serial: string,
): Promise<Job> {
  const secret = secretOf(c)
  const certificate = c.get('clientCertificateName')
  const byToken = secret
    ? await findJobByDigest(parts.db.read, 'tokenDigest', digest(secret))
    : undefined
  if (secret && !byToken && !isGlobal(parts, secret)) throw unauthorized()
  if (!secret && !certificate) throw unauthorized()

  // By far the most calls: a machine that reports under the serial of its job.
  const named = byToken?.serial === serial ? [] : await machineNamed(parts, serial)
  if (byToken) {
    const own = ({ id }: Machine) => id === byToken.machineId
    if (byToken.serial !== serial && !named.some(own)) {
      throw webhookFaults.otherMachine(
        `this token belongs to the job of ${byToken.serial}, not to "${serial.slice(0, 64)}"; \`slipway machine alias add\` makes a second name known`,
      )
    }
    if (certificate && !(await certified(parts, certificate, byToken))) throw unauthorized()
    return byToken
  }
  const [machine, other] = named
  const job = machine && !other ? await latestJob(parts.db.read, machine.id) : undefined
  if (certificate && !(await certified(parts, certificate, job))) throw unauthorized()
  if (!job) throw requestFaults.notFound(`no job is known for "${serial.slice(0, 64)}"`)
  return job
}

/** The job of a claim or log line: by id, and by nothing but its own token. */
export async function jobByToken(parts: JobParts, c: Context<ApiEnv>, id: string): Promise<Job> {
  const secret = secretOf(c)
  const job = secret && (await findJobByDigest(parts.db.read, 'tokenDigest', digest(secret)))
  if (!job || job.id !== id)
    throw webhookFaults.unauthorized('the token of this job is missing or wrong')
  const certificate = c.get('clientCertificateName')
  if (certificate && !(await certified(parts, certificate, job))) throw unauthorized()
  return job
}
