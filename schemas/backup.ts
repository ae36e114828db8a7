// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'
import { Count, Time, type View } from './view.ts'

/** What a backup may hold, and the only names that a restore writes. */
export const BACKUP_FILE =
  /^(slipway\.db|slipway\.toml|admin\.token|keys\/[a-z0-9][a-z0-9.-]{0,63})$/

/** `manifest.json`, the first file of a backup. */
export const BackupManifest = v.object({
  schema: v.literal('slipway.backup/1'),
  made_at: Time,
  /** Of the appliance that made it. */
  version: v.string(),
  commit: v.string(),
  /** Which key seals the secrets of the database. */
  seal_key_id: v.pipe(v.string(), v.regex(/^[0-9a-f]{8}$/)),
  /** False: all but the database was left out on request. */
  keys: v.boolean(),
  files: v.pipe(
    v.array(
      v.object({
        path: v.pipe(v.string(), v.regex(BACKUP_FILE)),
        size_bytes: Count,
        sha256: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)),
      }),
    ),
    v.maxLength(64),
    v.check(
      (files) => new Set(files.map(({ path }) => path)).size === files.length,
      'names a file twice',
    ),
  ),
})
export type BackupManifest = View<typeof BackupManifest>
