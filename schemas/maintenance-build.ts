// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'

/** `/slipway.json` of a maintenance ISO that this project built, also in the OS as `build.json`. */
export const MaintenanceBuild = v.object({
  schema: v.literal('slipway.maintenance/1'),
  version: v.string(),
  /** As the executable's own: one build makes both. */
  commit: v.string(),
  commit_date: v.string(),
  /** Of the executable that runs on the machine. */
  executable_sha256: v.string(),
  /** OCI reference or Debian suite that it was built over. */
  base: v.string(),
})
export type MaintenanceBuild = v.InferOutput<typeof MaintenanceBuild>
