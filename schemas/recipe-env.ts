// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'
import type { RecipeProblem } from './recipe-input.ts'
import { dictionary, text, word } from './rules.ts'

/** Written by the dispatcher into the same file; a recipe must not take their place. */
export const RESERVED_ENV: ReadonlySet<string> = new Set([
  'TASK_TARGET',
  'TARGET_DISK',
  'SERIAL_NUMBER',
  'WORKFLOW_STARTED_AT',
  'DISPATCHER_VERSION',
  'SCHEMA_VERSION',
  'SCHEMA_ID',
  'OCI_URL',
  'FIRMWARE_URL',
  'WIM_INDEX',
  'WEBHOOK_URL',
  'WEBHOOK_SECRET',
])

/** One line: in an environment file a line break begins another variable. */
const Value = v.pipe(
  text(4_096),
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it refuses
  v.regex(/^[^\u0000-\u001f\u007f]*$/, 'must be one line without control characters'),
)

/** Further variables for `/run/provision/recipe.env`; names are upper-cased there. */
export const RecipeEnv = dictionary(
  word(/^[A-Za-z_][A-Za-z0-9_]{0,99}$/, 'must be named by letters, digits and _'),
  Value,
  200,
)
export type RecipeEnv = v.InferOutput<typeof RecipeEnv>

/** What JSON Schema can not say: names that meet once they are upper-cased. */
export function envProblems(env: RecipeEnv): RecipeProblem[] {
  const seen = new Map<string, string>()
  return Object.keys(env).flatMap((name) => {
    const upper = name.toUpperCase()
    const other = seen.get(upper)
    seen.set(upper, name)
    const path = ['env', name]
    if (RESERVED_ENV.has(upper)) {
      return { path, code: 'reserved', message: 'is set by the appliance: take another name' }
    }
    if (other === undefined) return []
    return { path, code: 'duplicate', message: `becomes the same variable as ${other}` }
  })
}
