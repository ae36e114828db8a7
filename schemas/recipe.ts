// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'
import { RecipeEnv } from './recipe-env.ts'
import { HttpUrl } from './recipe-payload.ts'
import { objectOnly, text, whole, word } from './rules.ts'

/** systemd target that the maintenance OS starts. */
export const TaskTarget = v.pipe(
  v.string(),
  v.minLength(1),
  v.regex(/^[A-Za-z0-9_.-]+\.target$/, 'must be a systemd target, e.g. install-linux.target'),
)
export type TaskTarget = v.InferOutput<typeof TaskTarget>

/** A recipe in its normal form: what all targets share is typed, the rest belongs to the workflow. */
export interface Recipe {
  readonly schema_version: string
  readonly task_target: TaskTarget
  readonly [field: string]: unknown
}

/** Where a firmware file is fetched from. */
export const FirmwareUrl = v.pipe(HttpUrl, v.description('The firmware file'))

/** Which image of a WIM file; the first is 1. */
export const WimIndex = v.pipe(whole(1, 65_535), v.description('Image number in the WIM file'))

/** What every task target takes; a workflow spreads this into its own strict object. */
export const sharedFields = <const T extends TaskTarget>(target: T) => ({
  schema_version: v.optional(
    word(
      /^1(\.[0-9]{1,4})?$/,
      'must be "1", or 1. and a number: later versions are not known here',
    ),
    '1',
  ),
  task_target: v.literal(target),
  env: v.optional(
    v.pipe(RecipeEnv, v.description('Further variables for the tools on the machine')),
  ),
  notes: v.optional(v.pipe(text(2_000), v.description('For people; nothing reads it'))),
  metadata: v.optional(
    v.pipe(
      objectOnly(v.record(v.string(), v.unknown())),
      v.description('For other programs; nothing here reads it'),
    ),
  ),
})
