// SPDX-License-Identifier: AGPL-3.0-or-later
/** What `scripts/soak oci gc|corrupt|care` does. */
import { join } from 'node:path'
import { startAppliance } from '../harness.ts'
import { damageAndMend } from './care-damage.ts'
import { stressCollector } from './care-gc-stress.ts'
import { killRepeatedly } from './care-kills.ts'
import { addUser, plainOrigin, registryAt } from './registry.ts'
import { basicOf, startSlipway } from './servers.ts'

/** Gives what must not have happened. */
type Part = (amount: number, folder: string) => Promise<readonly string[]>

/** Collections every second under load, for so many minutes. */
const gc: Part = async (minutes, folder) => {
  const dataDir = join(folder, 'data')
  const set = ['oci.gc_every_ms=0', 'oci.tag_history_holds=0']
  await using server = await startSlipway({ dataDir, set })
  if (!server.login) throw new Error('the appliance has no login')
  const registry = registryAt(server.origin, basicOf(server.login))
  const outcome = await stressCollector({ registry, dataDir, forMs: minutes * 60_000, seed: 1 })
  const { counts, collections, freedBytes } = outcome
  console.log(`${collections} collections freed ${freedBytes} bytes; ${JSON.stringify(counts)}`)
  return outcome.findings
}

/** So many faults of the disk, each found and mended. */
const corrupt: Part = async (faults) => {
  const set = ['server.local=127.0.0.1:0', 'oci.scrub_bytes_per_second=1000000000000']
  await using running = await startAppliance({ set })
  const authorization = await addUser(running, 'soak', 'admin')
  const registry = registryAt(plainOrigin(running), authorization, running)
  const outcome = await damageAndMend(registry, running.dataDir, faults)
  console.log(`${outcome.injected} objects damaged, ${outcome.found} found`)
  return outcome.findings
}

/** So many kills among collections, rollbacks and rebuilds. */
const care: Part = (kills, folder) =>
  killRepeatedly({
    dataDir: join(folder, 'data'),
    kills,
    seed: Date.now() % 1_000,
    tell: console.log,
  })

/** With how much of it is usual: minutes, faults, kills. */
export const careSoaks: Readonly<Record<string, { readonly part: Part; readonly usual: number }>> =
  {
    gc: { part: gc, usual: 30 },
    corrupt: { part: corrupt, usual: 200 },
    care: { part: care, usual: 50 },
  }
