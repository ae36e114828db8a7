// SPDX-License-Identifier: AGPL-3.0-or-later
import type { ClaimRequest } from '../../schemas/webhook.ts'
import { close } from '../jobs/close.ts'
import { deadlineOf } from '../jobs/deadlines.ts'
import type { Evidence } from '../jobs/evidence.ts'
import { jobFaults } from '../jobs/faults.ts'
import type { Job } from '../jobs/job.ts'
import type { JobParts } from '../jobs/parts.ts'
import { machineFaults } from '../machines/faults.ts'
import { claimJob } from '../store/jobs.ts'
import { updateMachine } from '../store/machines.ts'
import type { ClaimRecord } from '../store/tables.ts'

/** Seconds after which a machine that was faster than our power-on step asks again. */
const RETRY_SECONDS = 5

const record = (claim: ClaimRequest): ClaimRecord => {
  const { path, serial, wwn } = claim.target_disk ?? {}
  return {
    nonce: claim.nonce,
    bootId: claim.boot_id,
    disk: claim.target_disk && {
      ...(path ? { path } : {}),
      ...(serial ? { serial } : {}),
      ...(wwn ? { wwn } : {}),
    },
  }
}

/** Another boot of the same machine asks again: the first one died with a disk half written. */
async function restarted(parts: JobParts, job: Job): Promise<never> {
  const reason = `machine ${job.serial} started again after it had claimed the job: a panic or a power cut in the middle of the work; its disk may be half written, so look at its console and retry the job`
  await parts.book.change(
    (tx) =>
      close(
        tx,
        job.id,
        { result: 'failed', step: 'claim', code: 'machine.restarted', reason },
        parts.now(),
      ),
    { level: 'error', message: reason, step: 'claim' },
  )
  throw machineFaults.restarted(reason)
}

/** Says why a claim did not get the job. */
async function refuse(parts: JobParts, id: string, claim: ClaimRequest): Promise<void> {
  const job = await parts.book.get(id)
  if (!job) throw jobFaults.notFound(`there is no job ${id}`)
  if (job.status === 'queued' || (job.status === 'provisioning' && job.poweredOnAt === null)) {
    throw jobFaults.notYet('the power-on step has not ended yet; ask again', {
      retryAfterSeconds: RETRY_SECONDS,
    })
  }
  if (job.status !== 'provisioning') {
    throw jobFaults.over(`job ${id} is over (${job.result}); write nothing and power off`)
  }
  // The dispatcher was restarted and asks again with the nonce that it kept.
  if (job.claim?.nonce === claim.nonce) return
  if (job.claim && job.claim.bootId !== claim.boot_id) await restarted(parts, job)
  throw jobFaults.claimed(`job ${id} was claimed by another run; write nothing and power off`)
}

/**
 * The machine's word, before its first write, that it takes the job: once. From here on we never
 * touch its power until a report, a cancel or the deadline of the report.
 */
export async function claim(
  parts: JobParts,
  evidence: Evidence,
  job: Job,
  request: ClaimRequest,
  from: string,
): Promise<void> {
  const now = parts.now()
  const disk = request.target_disk
  const name = disk?.serial ?? disk?.wwn ?? disk?.path
  const taken = await parts.book.change(
    async (tx) => {
      const claimed = await claimJob(tx, job.id, {
        claimedAt: now,
        claim: record(request),
        heardAt: now,
        pausedMs: 0,
        updatedAt: now,
        nextCheckAt: deadlineOf(
          { ...job, claimedAt: now, heardAt: now, pausedMs: 0 },
          parts.config.limits,
        ).at,
      })
      if (claimed && request.inventory) {
        await updateMachine(tx, job.machineId, { inventory: request.inventory, updatedAt: now })
      }
      return claimed
    },
    {
      level: 'info',
      message: `the machine took the job${name ? ` for disk ${name}` : ''}`,
      step: 'claim',
    },
  )
  if (!taken) return refuse(parts, job.id, request)
  evidence.see({
    job: job.id,
    level: 'claimed',
    detail: `the machine claimed the job before its first write${name ? `, disk ${name}` : ''}`,
    ...(from ? { from } : {}),
  })
}
