// SPDX-License-Identifier: AGPL-3.0-or-later
import type { JobResult } from '../../schemas/job.ts'
import { Fault, sentence } from '../faults.ts'
import { withoutTokens } from '../redact.ts'
import type { Tx } from '../store/client.ts'
import { type JobChange, move } from '../store/jobs.ts'
import type { Job } from './job.ts'

/** How a job ended, and why. */
export interface Ending {
  readonly result: JobResult
  readonly step?: string | undefined
  readonly code?: string | undefined
  readonly reason?: string | undefined
}

/** The end of a job, from the error that ended it. */
export function endingOf(step: string, error: unknown): Ending {
  return {
    result: 'failed',
    step,
    code: error instanceof Fault ? error.code : 'job.unexpected',
    reason:
      error instanceof Fault
        ? sentence(error)
        : `something went wrong in the appliance itself during ${step}; its log says more`,
  }
}

/**
 * Moves a job out of `provisioning` for good, exactly once; undefined when somebody was faster.
 * What follows is the settling, due at once.
 */
export function close(
  tx: Tx,
  id: string,
  ending: Ending,
  now: number,
  change: JobChange = {},
): Promise<Job | undefined> {
  return move(tx, id, 'provisioning', ending.result === 'succeeded' ? 'succeeded' : 'failed', {
    ...change,
    result: ending.result,
    failedStep: ending.step ?? null,
    failedCode: ending.code ?? null,
    failedReason: ending.reason ? withoutTokens(ending.reason) : null,
    updatedAt: now,
    settleBegunAt: now,
    pausedMs: 0,
    nextCheckAt: now,
  })
}
