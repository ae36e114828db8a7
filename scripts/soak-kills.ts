// SPDX-License-Identifier: AGPL-3.0-or-later
/** SIGKILLs of a registry under load: `scripts/soak kills [--kills N] [--seed N]`. Exit 0: nothing acknowledged was lost. */
import { parseArgs } from 'node:util'
import { runKills } from '../test/oci/kills.ts'

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '300' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
  },
})
console.log(`seed ${values.seed}`)
const { acknowledged, findings } = await runKills({
  ...{ kills: Number(values.kills), seed: Number(values.seed) },
  tell: (line) => console.log(line),
})
for (const finding of findings) console.log(`FAILED ${finding}`)
console.log(`${acknowledged} acknowledged, ${findings.length} findings`)
process.exit(findings.length > 0 ? 1 : 0)
