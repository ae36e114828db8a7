// SPDX-License-Identifier: AGPL-3.0-or-later
import manifest from '../package.json' with { type: 'json' }

export interface Version {
  readonly version: string
  /** Full git hash; ends in `-dirty` when the tree was not what is committed. */
  readonly commit: string
  /** RFC 3339, of the commit, not of the build: two builds of one commit are the same bytes. */
  readonly commitDate: string
}

/** Set by `scripts/build`; absent when run from source. */
declare const SLIPWAY_BUILD: Version

export const version: Version =
  typeof SLIPWAY_BUILD === 'undefined'
    ? { version: manifest.version, commit: 'source', commitDate: '' }
    : SLIPWAY_BUILD
