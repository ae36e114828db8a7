// SPDX-License-Identifier: AGPL-3.0-or-later
import type * as v from 'valibot'
import type { JobDocument } from '../../schemas/job-document.ts'
import type { Recipe, TaskTarget } from '../../schemas/recipe.ts'
import type { Machine } from '../machines/machine.ts'
import type { MediaImage } from '../media.ts'
import type { Bmc, MediaPlan, MediaSlot } from './bmc.ts'
import type { Job } from './job.ts'

/** What one task target needs from us. Plain values and pure functions. */
export interface Workflow {
  readonly target: TaskTarget
  /** Its strict part of the recipe's schema, in normal form. */
  readonly recipe: v.GenericSchema<unknown, unknown>
  /** Throws `recipe.unsupported` when the recipe lacks what this target needs. Pure. */
  check(recipe: Recipe): void
  /** Files for the task ISO besides recipe.json, recipe.schema.json and job.json, by path. Same recipe, same bytes. */
  files(recipe: Recipe): ReadonlyMap<string, Uint8Array>
  /** What boots, when it is not the maintenance ISO: a vendor installer with files laid over it. */
  bootImage?(run: JobRun): Promise<MediaImage>
}

/** One pass over one job, with an open BMC session. */
export interface JobRun {
  readonly job: Job
  readonly machine: Machine
  /** In normal form, payloads resolved. Carries secrets. */
  readonly recipe: Recipe
  readonly workflow: Workflow
  readonly bmc: Bmc
  readonly plan: MediaPlan
  /** What becomes `/job.json` on the task ISO. A tap before `iso` may add `registry`. */
  jobDocument: JobDocument
  /** Published draft-07 schema, for `/recipe.schema.json`. */
  readonly recipeSchema: Readonly<Record<string, unknown>>
  /** Where the task ISO is to stand (0600); core deletes it at the end of cleanup. */
  readonly taskIsoPath: string
  /** 128 random bits, hex: the path token of this job's media URLs. */
  readonly mediaToken: string
  /** Filled by `prepare`. */
  readonly media: Map<MediaSlot, MediaImage>
  /** Filled by `prepare`, after the media. */
  readonly imageUrls: Map<MediaSlot, string>
  /** Journalled before and after, timed, aborted by its limit; a fault in it names the step. */
  step<T>(name: string, work: (signal: AbortSignal) => Promise<T>): Promise<T>
  /** A line of the job's log. */
  note(level: 'info' | 'warn' | 'error', message: string): void
}
