// SPDX-License-Identifier: AGPL-3.0-or-later
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { openSealer, type Sealer, sealFaults } from '../core/seal.ts'
import type { Db } from '../core/store/client.ts'
import { readSetting, writeSetting } from '../core/store/settings.ts'

/** In the settings of a database: which key its secrets are sealed with. */
export const KEY_SETTING = 'seal_key_id'

/** What is gone with the key, in the words of every sentence that speaks of it. */
export const KEY_LOSS =
  'every BMC password must be entered again (`slipway machine set`), and jobs that are not over can not go on'

/**
 * The sealer that belongs to the database. Throws `seal.lost` when its key file is missing or
 * another one, unless `acceptLoss`; no key is made in its place, so that it can still be put back.
 */
export async function openKey(db: Db, dataDir: string, acceptLoss: boolean): Promise<Sealer> {
  const file = join(dataDir, 'keys', 'seal.key')
  const expected = acceptLoss ? undefined : await readSetting(db.read, KEY_SETTING)
  const remedy = `put back the key that belongs to this database; if it is lost for good, start once with --accept-lost-key: ${KEY_LOSS}`
  if (expected !== undefined && !existsSync(file)) {
    throw sealFaults.lost(`the key ${expected} of the database is missing (${file}): ${remedy}`)
  }
  const sealer = await openSealer(file)
  if (expected !== undefined && sealer.keyId !== expected) {
    throw sealFaults.lost(
      `the database is sealed with key ${expected}, but ${file} holds key ${sealer.keyId}: ${remedy}`,
    )
  }
  await db.write((tx) => writeSetting(tx, KEY_SETTING, sealer.keyId))
  return sealer
}
