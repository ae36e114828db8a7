// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'
import type { View } from './view.ts'

export const ERROR_WORDS = [
  'invalid_json',
  'invalid_request',
  'invalid_recipe',
  'not_found',
  'unauthorized',
  'forbidden',
  'conflict',
  'too_large',
  'rate_limited',
  'unavailable',
  'gone',
  'server_error',
] as const

/** What every refusal of the API says. */
export const ProblemView = v.object({
  error: v.picklist(ERROR_WORDS),
  /** `area.thing`: what programs may rely on. */
  code: v.pipe(v.string(), v.regex(/^[a-z][a-z0-9-]*\.[a-z0-9_-]+$/)),
  /** One sentence for a person, with the remedy where there is one. */
  message: v.string(),
  /** Everything that is wrong with a document, at once. */
  details: v.exactOptional(
    v.array(
      v.object({
        /** JSON pointer. */
        path: v.string(),
        /** The same place in dotted form. */
        field: v.string(),
        code: v.string(),
        message: v.string(),
      }),
    ),
  ),
  request_id: v.string(),
})
export type ProblemView = View<typeof ProblemView>
