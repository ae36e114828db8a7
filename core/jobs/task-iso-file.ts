// SPDX-License-Identifier: AGPL-3.0-or-later
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Job } from './job.ts'

/** Where the task ISO of a job stands: 0600, since it carries the recipe's secrets. */
export const taskIsoPath = (folder: string, job: Pick<Job, 'id'>): string =>
  join(folder, `${job.id}.iso`)

/** At the end of cleanup; may be repeated. */
export const removeTaskIso = (folder: string, job: Pick<Job, 'id'>): Promise<void> =>
  rm(taskIsoPath(folder, job), { force: true })
