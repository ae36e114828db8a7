// SPDX-License-Identifier: AGPL-3.0-or-later
/** Long runs: `scripts/soak crash [--kills N] [--seed N] [--points]`. Exit 0 only when all invariants held. */
import { soakCrash } from './soak-crash.ts'

const [what, ...args] = process.argv.slice(2)
const soaks: Readonly<Record<string, (args: readonly string[]) => Promise<boolean>>> = {
  crash: soakCrash,
}
const soak = soaks[what ?? '']
if (!soak) {
  console.error(`scripts/soak ${Object.keys(soaks).join('|')} [options]`)
  process.exit(2)
}
process.exit((await soak(args)) ? 0 : 1)
