// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'
import { JobDocument } from '../../schemas/job-document.ts'
import { type IsoImage, TASK_VOLUME_PREFIX } from '../iso/index.ts'

/** The little that the machine's play needs of a recipe; the rest is for the real tools. */
const PlayedRecipe = v.object({
  task_target: v.string(),
  target_disk: v.optional(v.unknown()),
})

/** What a task medium says. */
export interface TaskMedium {
  readonly job: JobDocument
  readonly recipe: v.InferOutput<typeof PlayedRecipe>
}

async function readJson(image: IsoImage, path: string): Promise<unknown> {
  return JSON.parse(new TextDecoder().decode(await image.readFile(path)))
}

/**
 * Job and recipe of a medium; undefined when it is none. A medium of its own says so by its label,
 * one composed with the maintenance ISO holds them below /task. Throws when they are not what they
 * ought to be.
 */
export async function readTaskMedium(
  image: IsoImage,
  folder: '' | '/task',
): Promise<TaskMedium | undefined> {
  if (folder === '' && !image.volumeId.startsWith(TASK_VOLUME_PREFIX)) return undefined
  if (!(await image.find(`${folder}/job.json`))) return undefined
  return {
    job: v.parse(JobDocument, await readJson(image, `${folder}/job.json`)),
    recipe: v.parse(PlayedRecipe, await readJson(image, `${folder}/recipe.json`)),
  }
}
