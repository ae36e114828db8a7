// SPDX-License-Identifier: AGPL-3.0-or-later
import type { CoreConfig } from '../config.ts'
import { SECOND } from '../units.ts'
import type { Job } from './job.ts'

export type Limits = CoreConfig['limits']

/** What a launched job waits for, and until when. */
export interface Deadline {
  readonly for: 'media' | 'claim' | 'report'
  /** Unix ms. */
  readonly at: number
}

/** Did the BMC fetch all of what boots before power on? Then it reads its own copy and we see nothing. */
export const fetchedWhole = (job: Job): boolean => {
  const boot = job.media.find((each) => each.slot === 'boot')
  return boot !== undefined && (job.bytesRead.boot ?? 0) >= boot.sizeBytes
}

/**
 * The deadline of a job that was launched. It counts from facts on the row, and time in which the
 * appliance did not run is added (`pausedMs`).
 */
export function deadlineOf(job: Job, limits: Limits): Deadline {
  const poweredOnAt = job.poweredOnAt ?? job.updatedAt
  const paused = job.pausedMs
  const heardAt = job.heardAt ?? 0
  const after = (at: number, seconds: number) => at + seconds * SECOND + paused
  const untouched = job.firstReadAt === null && job.heardAt === null && !fetchedWhole(job)
  if (job.claimedAt === null && untouched) {
    return { for: 'media', at: after(poweredOnAt, limits.media_seen_s) }
  }
  if (job.claimedAt !== null || !job.expectsClaim) {
    return { for: 'report', at: after(Math.max(heardAt, poweredOnAt), limits.report_s) }
  }
  const lastSign = Math.max(poweredOnAt, job.lastFreshReadAt ?? 0)
  return { for: 'claim', at: after(lastSign, limits.claim_s) }
}
