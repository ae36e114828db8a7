// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'
import { Count, Time, type View } from './view.ts'

/** GET and PUT /api/v1/maintenance: the ISO that machines boot. */
export const MaintenanceView = v.object({
  sha256: v.string(),
  size_bytes: Count,
  volume_id: v.string(),
  /** Who can start it: `bios`, `efi`, `other`. */
  boot: v.array(v.string()),
  imported_at: Time,
  /** Where it came from, for people. */
  source: v.string(),
})
export type MaintenanceView = View<typeof MaintenanceView>
