// SPDX-License-Identifier: AGPL-3.0-or-later
/** Goal S4 with forty faults; `scripts/soak oci corrupt` injects two hundred. */
import { expect, test } from 'bun:test'
import { damageAndMend } from './care-damage.ts'
import { useRegistry } from './registry.ts'

const registry = useRegistry(['oci.scrub_bytes_per_second=1000000000000'])

test('forty faults of the disk are all found, nothing damaged is served, and pushing again mends all', async () => {
  const dataDir = registry.running?.dataDir ?? ''
  const outcome = await damageAndMend(registry, dataDir, 40)
  expect(outcome.findings).toEqual([])
  expect(outcome.injected).toBeGreaterThanOrEqual(40)
  expect(outcome.found).toBe(outcome.injected)
}, 60_000)
