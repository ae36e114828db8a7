// SPDX-License-Identifier: AGPL-3.0-or-later
import { defineFaults } from '../../core/faults.ts'

/** A payload that can not become part of the recipe. Messages name the field, never its text. */
export const payloadFaults = defineFaults('payload', {
  noAssetsDir: { status: 400, retry: false, word: 'invalid_recipe' },
  notFound: { status: 400, retry: false, word: 'invalid_recipe' },
  outside: { status: 400, retry: false, word: 'invalid_recipe' },
  tooLarge: { status: 400, retry: false, word: 'invalid_recipe' },
  notText: { status: 400, retry: false, word: 'invalid_recipe' },
  refused: { status: 400, retry: false, word: 'invalid_recipe' },
  unreachable: { status: 502, retry: true },
})
