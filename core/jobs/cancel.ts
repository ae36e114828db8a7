// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Principal } from '../auth/auth.ts'
import { conflictFaults } from '../faults.ts'
import { move } from '../store/jobs.ts'
import { close } from './close.ts'
import { jobFaults } from './faults.ts'
import type { Job } from './job.ts'
import type { JobParts } from './parts.ts'

/**
 * Ends a job that is queued or provisioning. May be repeated. A launch in flight reads its row
 * before its next step and hands over to the settling. Throws `job.not-found`, `conflict.finished`.
 */
export async function cancel(
  parts: JobParts,
  id: string,
  by: Principal,
  reason?: string,
): Promise<Job> {
  const now = parts.now()
  const why = `canceled by ${by.name}${reason ? `: ${reason}` : ''}`
  const line = { level: 'warn', message: why, step: 'cancel' } as const
  const ended = { result: 'canceled', reason: why } as const
  const change = await parts.book.change(async (tx) => {
    const queued = await move(tx, id, 'queued', 'failed', {
      result: 'canceled',
      failedReason: why,
      updatedAt: now,
    })
    if (!queued) return close(tx, id, ended, now)
    // Nothing was touched: nothing is to be cleaned up.
    return move(tx, id, 'failed', 'complete', {
      cleanup: 'done',
      mediaValid: false,
      completedAt: now,
      updatedAt: now,
      nextCheckAt: null,
    })
  }, line)
  if (change) return change
  const job = await parts.book.get(id)
  if (!job) throw jobFaults.notFound(`there is no job ${id}`)
  if (job.result === 'canceled') return job
  throw conflictFaults.finished(
    `job ${id} has ended already (${job.result}); there is nothing to cancel`,
  )
}
