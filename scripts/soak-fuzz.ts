// SPDX-License-Identifier: AGPL-3.0-or-later
/** Malformed requests by the hundred thousand: `scripts/soak fuzz [COUNT] [--seed N]`. */
import { parseArgs } from 'node:util'
import { fireRequests, type Outcome } from '../test/fuzz/barrage.ts'
import { createChance } from '../test/fuzz/chance.ts'
import { badLines, openRange } from '../test/fuzz/stage.ts'

const VOLLEY = 5_000
const GROWTH_BYTES = 300 * 1_048_576

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seed: { type: 'string', default: `${Date.now() % 1_000_000_007}` } },
})
const count = Number(positionals[0] ?? 100_000)
const outcome: Outcome = { findings: [], statuses: new Set() }
const bad: string[] = []
const chance = createChance(Number(values.seed))
const rss = () => {
  Bun.gc(true)
  return process.memoryUsage.rss()
}
console.log(`${count} requests from seed ${values.seed}`)
let first: number | undefined
let last = 0

async function soak(): Promise<void> {
  await using range = await openRange()
  const { running, samples } = range
  for (let fired = 0; fired < count; ) {
    const volley = Math.min(VOLLEY, count - fired)
    await fireRequests(running, { samples, chance, outcome, count: volley })
    fired += volley
    await range.runValidJob()
    bad.push(...badLines(running.logged))
    running.logged.length = 0
    last = rss()
    first ??= last
    const found = outcome.findings.length + bad.length
    console.log(`${fired} fired, ${found} found, ${Math.round(last / 1_048_576)} MiB`)
  }
}

await soak()
for (const { what, request } of outcome.findings) console.log(`FAILED ${what}: ${request}`)
for (const line of bad) console.log(`FAILED log: ${line.slice(0, 1_000)}`)
const grew = last - (first ?? last)
if (grew > GROWTH_BYTES) console.log(`FAILED memory grew by ${grew} bytes`)
const failed = outcome.findings.length + bad.length + Number(grew > GROWTH_BYTES)
console.log(`${count - outcome.findings.length} passed, ${failed} failed`)
// No exit: what the appliance does not close would keep this process, and be found.
process.exitCode = failed === 0 ? 0 : 1
