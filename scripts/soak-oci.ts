// SPDX-License-Identifier: AGPL-3.0-or-later
/** The registry under what takes long: `scripts/soak oci fuzz|big|slow|crash|gc|corrupt|care [options]`. Exit 0: nothing was found. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { createChance } from '../test/fuzz/chance.ts'
import { openOciRange } from '../test/fuzz/oci-barrage.ts'
import { runBig } from '../test/oci/big.ts'
import { careSoaks } from '../test/oci/care-soaks.ts'
import { runKills } from '../test/oci/kills.ts'
import { isBuilt } from '../test/oci/servers.ts'
import { runSlow } from '../test/oci/slow.ts'

const USAGE = `scripts/soak oci fuzz [--count N] [--seed N]
scripts/soak oci big [--gib N]
scripts/soak oci slow
scripts/soak oci crash [--kills N] [--seed N]
scripts/soak oci gc [MINUTES] | corrupt [FAULTS] | care [KILLS]`
const GiB = 1_024 ** 3
const VOLLEY = 5_000

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    count: { type: 'string', default: '100000' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000_007) },
    gib: { type: 'string', default: '11' },
    kills: { type: 'string', default: '300' },
  },
})
const tell = (line: string) => console.log(line)
const seed = Number(values.seed)
const built = isBuilt()

async function fuzz(): Promise<readonly string[]> {
  const count = Number(values.count)
  await using range = await openOciRange()
  const chance = createChance(seed)
  const damage: string[] = []
  for (let fired = 0; fired < count; fired += VOLLEY) {
    await range.fire(Math.min(VOLLEY, count - fired), chance)
    damage.push(...(await range.damage()))
    tell(`${Math.min(count, fired + VOLLEY)} fired, ${range.findings.length + damage.length} found`)
  }
  return [...range.findings, ...damage]
}

/** `gc 30`: so many minutes; `corrupt 200`: faults; `care 50`: kills. */
const amount = positionals[1] === undefined ? undefined : Number(positionals[1])
const care = Object.fromEntries(
  Object.entries(careSoaks).map(([name, { part, usual }]) => [
    name,
    (folder: string) => part(amount ?? usual, folder),
  ]),
)

const soaks: Readonly<Record<string, (folder: string) => Promise<readonly string[]>>> = {
  ...care,
  fuzz,
  big: (folder) =>
    runBig({
      folder,
      sizeBytes: Math.round(Number(values.gib) * GiB) + 1,
      built,
      oras: true,
      tell,
    }),
  slow: (folder) =>
    runSlow({
      ...{ folder, built, tell, idleMs: 120_000 },
      ...{ sizeBytes: 1_000_000_000, bytesPerSecond: 8_000_000 },
    }),
  crash: async () => (await runKills({ kills: Number(values.kills), seed, tell })).findings,
}

const soak = soaks[positionals[0] ?? '']
if (!soak) {
  console.error(USAGE)
  process.exit(2)
}
console.log(`seed ${seed}`)
const folder = await mkdtemp(join(tmpdir(), 'slipway-soak-oci-'))
const findings = await soak(folder).finally(() => rm(folder, { recursive: true, force: true }))
for (const finding of findings) console.log(`FAILED ${finding}`)
console.log(`${findings.length === 0 ? 1 : 0} passed, ${findings.length} failed`)
process.exit(findings.length === 0 ? 0 : 1)
