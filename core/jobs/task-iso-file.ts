// SPDX-License-Identifier: AGPL-3.0-or-later
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Job } from './job.ts'

/** Where the task ISO of a job stands: 0600, since it carries the recipe's secrets. */
export const taskIsoPath = (folder: string, job: Pick<Job, 'id'>): string =>
  join(folder, `${job.id}.iso`)

/** Beside it, what an image composed of two needs beyond them. */
export const patchPath = (taskIso: string): string => `${taskIso}.patch`

/** At the end of cleanup, with what a build that was cut left beside it; may be repeated. */
export async function removeTaskIso(folder: string, job: Pick<Job, 'id'>): Promise<void> {
  const path = taskIsoPath(folder, job)
  for (const each of [path, `${path}.part`, patchPath(path)]) await rm(each, { force: true })
}

/** Removes what belongs to no job that may still need it: a crash or a removed machine left it behind. */
export async function sweepTaskIsos(
  folder: string,
  isNeeded: (jobId: string) => Promise<boolean>,
): Promise<void> {
  for (const name of await readdir(folder)) {
    const id = /^([0-9a-f-]{36})\./.exec(name)?.[1]
    if (id && (await isNeeded(id))) continue
    await rm(join(folder, name), { force: true })
  }
}
