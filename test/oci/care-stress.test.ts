// SPDX-License-Identifier: AGPL-3.0-or-later
/** Goal G1 for a quarter of a minute; `scripts/soak oci gc` goes on for as long as it is told. */
import { expect, test } from 'bun:test'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stressCollector } from './care-gc-stress.ts'
import { registryAt } from './registry.ts'
import { basicOf, startSlipway } from './servers.ts'

test('no pull of a tag fails while garbage is collected every second, and none is left at the end', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'slipway-stress-'))
  try {
    const dataDir = join(folder, 'data')
    const set = ['oci.gc_every_ms=0', 'oci.tag_history_holds=0']
    await using server = await startSlipway({ dataDir, built: false, set })
    if (!server.login) throw new Error('the appliance has no login')
    const registry = registryAt(server.origin, basicOf(server.login))
    const outcome = await stressCollector({ registry, dataDir, forMs: 12_000, seed: 1 })
    expect(outcome.findings).toEqual([])
    expect(outcome.counts['pull']).toBeGreaterThan(50)
    expect(outcome.counts['push']).toBeGreaterThan(20)
    expect(outcome.freedBytes).toBeGreaterThan(0)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}, 120_000)
