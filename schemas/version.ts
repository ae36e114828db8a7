// SPDX-License-Identifier: AGPL-3.0-or-later

/** GET /api/v1/version and `slipway version --json`. */
export interface Version {
  readonly version: string
  /** Full git hash; ends in `-dirty` when the tree was not what is committed. */
  readonly commit: string
  /** RFC 3339, of the commit, not of the build: two builds of one commit are the same bytes. */
  readonly commitDate: string
}
