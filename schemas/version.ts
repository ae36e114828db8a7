// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'
import type { View } from './view.ts'

/** GET /api/v1/version and `slipway version --json`. */
export const Version = v.object({
  version: v.string(),
  /** Full git hash; ends in `-dirty` when the tree was not what is committed. */
  commit: v.string(),
  /** RFC 3339, of the commit, not of the build: two builds of one commit are the same bytes. */
  commit_date: v.string(),
})
export type Version = View<typeof Version>
