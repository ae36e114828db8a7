// SPDX-License-Identifier: AGPL-3.0-or-later
import type { PublishedImage } from '../store/tables.ts'
import type { Job } from './job.ts'

/** What plugins may ask of jobs. */
export interface Jobs {
  get(id: string): Promise<Job | undefined>
  /** The job whose media token this is, with its images, while the token is valid. */
  byMediaToken(token: string): Promise<{ job: Job; images: readonly PublishedImage[] } | undefined>
}
