// SPDX-License-Identifier: AGPL-3.0-or-later
/** Goal S1 for those who take care of the store; `scripts/soak oci care` kills for longer. */
import { expect, test } from 'bun:test'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { killRepeatedly } from './care-kills.ts'

test('killed among collections, rollbacks and rebuilds, the store is whole and nothing acknowledged is lost', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'slipway-kills-'))
  try {
    expect(await killRepeatedly({ dataDir: join(folder, 'data'), kills: 4, seed: 1 })).toEqual([])
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}, 120_000)
