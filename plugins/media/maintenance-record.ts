// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'
import type { MediaImage } from '../../core/media.ts'
import type { MaintenanceView } from '../../schemas/maintenance.ts'
import { MaintenanceBuild } from '../../schemas/maintenance-build.ts'
import type { Version } from '../../schemas/version.ts'
import { judgeBuild } from './maintenance-build.ts'

const Count = v.pipe(v.number(), v.integer(), v.minValue(0))
export const Sha256 = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, '64 hexadecimal digits'))

/** What stands in `current.json`: the maintenance ISO as it was found at import. */
export const MaintenanceRecord = v.strictObject({
  sha256: Sha256,
  sizeBytes: Count,
  volumeId: v.string(),
  /** Who can start it: `bios`, `efi`, `other`. */
  boot: v.array(v.string()),
  /** Unix ms. */
  importedAt: Count,
  /** Where it came from, for people. */
  source: v.string(),
  /** What `/slipway.json` on it says; absent in records of earlier versions. */
  build: v.optional(v.union([MaintenanceBuild, v.picklist(['none', 'damaged'])])),
  regions: v.array(v.strictObject({ name: v.string(), start: Count, length: Count })),
})
export type MaintenanceRecord = v.InferOutput<typeof MaintenanceRecord>

/** `own`: what the appliance was built from. */
export function maintenanceView(record: MaintenanceRecord, own: Version): MaintenanceView {
  const { build } = record
  const warning = build && judgeBuild(build, own).warning
  const told = typeof build === 'object' ? v.parse(ToldBuild, build) : undefined
  return {
    sha256: record.sha256,
    size_bytes: record.sizeBytes,
    volume_id: record.volumeId,
    boot: record.boot,
    imported_at: new Date(record.importedAt).toISOString(),
    source: record.source,
    ...(told && { build: told }),
    ...(warning !== undefined && { warning }),
  }
}

const ToldBuild = v.omit(MaintenanceBuild, ['schema'])

/** The file as an image that BMCs read. */
export const maintenanceImage = (record: MaintenanceRecord, file: string): MediaImage => ({
  sizeBytes: record.sizeBytes,
  etag: `"${record.sha256}"`,
  modifiedAt: record.importedAt,
  segments: [{ file, start: 0, length: record.sizeBytes }],
  regions: record.regions,
})
