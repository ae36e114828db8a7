// SPDX-License-Identifier: AGPL-3.0-or-later
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import * as v from 'valibot'
import { createLog } from '../../../core/log.ts'
import { openDb } from '../../../core/store/client.ts'
import type { OciCheckReport } from '../../../schemas/oci-report.ts'
import { OciConfig } from '../config.ts'
import { createStore } from '../store.ts'
import { freshBytes } from '../tables.ts'
import { careFaults } from './care-faults.ts'
import { type FsckParts, fsck } from './fsck.ts'
import { fsckParts, reportingVerdicts } from './scrub-verdicts.ts'

/**
 * Checks the registry in the data folder of an appliance that does not run. Changes nothing. Throws
 * `oci-care.layout` when there is none.
 */
export async function checkOffline(
  dataDir: string,
  options: { readonly content: boolean },
): Promise<OciCheckReport> {
  const root = join(dataDir, 'oci')
  const file = join(dataDir, 'slipway.db')
  for (const path of [root, file]) {
    if (existsSync(path)) continue
    throw careFaults.layout(`there is no ${path}: name the data folder of an appliance`)
  }
  using db = await openDb({ url: `file:${file}` })
  const log = createLog('error', process.stderr)
  const store = createStore({ db, root, log, config: v.parse(OciConfig, {}), now: Date.now })
  using _ = store.disk
  // Their files are written again at the next start, whatever a power cut made of them.
  const fresh = await db.read.select({ digest: freshBytes.digest }).from(freshBytes)
  const held = new Set(fresh.map(({ digest }) => digest))
  const verdicts = reportingVerdicts(store, options.content)
  const parts: FsckParts = fsckParts(store, {
    ...verdicts,
    object: async (digest) => (held.has(digest) ? [] : verdicts.object(digest)),
  })
  const passed = async () => undefined
  // Awaited here: the database is closed behind it.
  return await fsck(parts, { content: options.content, passed }, () => undefined)
}
