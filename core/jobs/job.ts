// SPDX-License-Identifier: AGPL-3.0-or-later
import type { JobStatus } from '../../schemas/job.ts'

export type { JobStatus } from '../../schemas/job.ts'
export type { Job } from '../store/tables.ts'

/** The legal status changes. */
export const NEXT = {
  queued: ['provisioning', 'failed'],
  provisioning: ['succeeded', 'failed'],
  succeeded: ['complete'],
  failed: ['complete'],
  complete: [],
} as const satisfies Record<JobStatus, readonly JobStatus[]>

export type NextStatus<S extends JobStatus> = (typeof NEXT)[S][number]
