// SPDX-License-Identifier: AGPL-3.0-or-later
/** Jobs without a pause: `scripts/soak jobs [30m] [--machines N]`; needs `scripts/build`. */
import { parseArgs } from 'node:util'
import { soakJobs } from '../test/bench/jobs-soak.ts'
import { executable } from '../test/binary/executable.ts'

const UNITS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000 }

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { machines: { type: 'string', default: '20' } },
})
const [, number, unit = 'm'] = /^(\d+)([smh])$/.exec(positionals[0] ?? '30m') ?? []
if (number === undefined) {
  console.error('scripts/soak jobs [30m] [--machines N]: say how long as 90s, 30m or 2h')
  process.exit(2)
}
const found = await soakJobs({
  command: [executable()],
  forMs: Number(number) * (UNITS[unit] ?? 0),
  machines: Number(values.machines),
  tell: console.log,
})
for (const what of found) console.log(`FAILED left over: ${what}`)
console.log(`${found.length === 0 ? 1 : 0} passed, ${found.length} failed`)
process.exit(found.length === 0 ? 0 : 1)
