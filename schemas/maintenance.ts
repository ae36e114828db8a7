// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'
import { MaintenanceBuild } from './maintenance-build.ts'
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
  /** What it says of its build; absent when it is none of ours. */
  build: v.exactOptional(v.omit(MaintenanceBuild, ['schema'])),
  /** One sentence when it and this appliance are not of one build. */
  warning: v.exactOptional(v.string()),
})
export type MaintenanceView = View<typeof MaintenanceView>
