// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'

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
