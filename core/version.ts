// SPDX-License-Identifier: AGPL-3.0-or-later
import manifest from '../package.json' with { type: 'json' }
import type { Version } from '../schemas/version.ts'

/** Set by `scripts/build`; absent when run from source. */
declare const SLIPWAY_BUILD: Version

/** What this program is. */
export const version: Version =
  typeof SLIPWAY_BUILD === 'undefined'
    ? { version: manifest.version, commit: 'source', commit_date: '' }
    : SLIPWAY_BUILD
