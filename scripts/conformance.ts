// SPDX-License-Identifier: AGPL-3.0-or-later
/** `scripts/conformance oci [--suite PATH]`: prints each run and the sum. Exit 0: nothing failed, skipped or disabled. */
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { goTool, goToolAvailable } from '../test/oci/go-tools.ts'
import { conformance, type SuiteCounts, type SuiteOutcome, suiteRuns } from '../test/oci/suite.ts'

const { values } = parseArgs({
  options: {
    suite: { type: 'string', default: '' },
    only: { type: 'string', default: '' },
    source: { type: 'boolean', default: false },
    keep: { type: 'string', default: '' },
    json: { type: 'boolean', default: false },
  },
})
const stop = (why: string): never => {
  console.error(why)
  process.exit(2)
}
if (!values.suite && !goToolAvailable('conformance')) {
  stop(
    'scripts/conformance oci --suite PATH: say where the suite’s program is, or install Go to build it',
  )
}
const suite = values.suite || (await goTool('conformance'))
if (!existsSync(suite)) stop(`there is no ${suite}`)
const runs = suiteRuns().filter(({ name }) => name.includes(values.only))
if (runs.length === 0) stop(`no run is named ${values.only}`)

const counted = ({ failed, skipped, disabled }: SuiteCounts) =>
  `${failed} failed, ${skipped} skipped, ${disabled} disabled`
const tell = (outcome: SuiteOutcome) => {
  if (values.json) return
  const trouble = outcome.trouble ? ` (${outcome.trouble})` : ''
  console.log(`${outcome.run.name}: ${outcome.tests} tests, ${counted(outcome)}${trouble}`)
}
const folder = values.keep
  ? resolve(values.keep)
  : await mkdtemp(join(tmpdir(), 'slipway-conformance-'))
const outcomes = await conformance({
  ...{ suite: resolve(suite), runs, folder, tell, built: !values.source },
}).finally(() => (values.keep ? undefined : rm(folder, { recursive: true, force: true })))

const total = outcomes.reduce<SuiteCounts>(
  (sum, each) => ({
    tests: sum.tests + each.tests,
    failed: sum.failed + each.failed + Number(each.trouble !== undefined),
    skipped: sum.skipped + each.skipped,
    disabled: sum.disabled + each.disabled,
  }),
  { tests: 0, failed: 0, skipped: 0, disabled: 0 },
)
if (values.json) console.log(JSON.stringify({ runs: outcomes, total }))
else console.log(`${outcomes.length} runs, ${total.tests} tests: ${counted(total)}`)
process.exit(total.failed + total.skipped + total.disabled === 0 ? 0 : 1)
