// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Everything that must hold: checks, tests, the executable, a real machine. `--fast` leaves the last two out,
 * `--checks` the tests too. Ends with the plain line `N passed, N failed`; a check counts as one test.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { Glob } from 'bun'
import { runLimited } from './run-limited.ts'
import { readJunit, sum, summary, type Tally } from './tally.ts'

const MINUTE = 60_000
const root = resolve(import.meta.dir, '..')
process.chdir(root)

const bun = process.execPath
const checks: Readonly<Record<string, readonly string[]>> = {
  types: ['node_modules/.bin/tsc', '--noEmit'],
  imports: [bun, 'scripts/check-imports.ts'],
  style: ['node_modules/.bin/biome', 'ci', '--colors=off', '.'],
  licences: [bun, 'scripts/check-licenses.ts'],
  'SPDX lines': [bun, 'scripts/check-spdx.ts'],
}

/** One command that must end with 0; its output is shown only when it does not. */
async function check(name: string, command: readonly string[], limitMs: number): Promise<Tally> {
  const started = performance.now()
  const { code, output } = await runLimited(command, limitMs, 'capture')
  const seconds = ((performance.now() - started) / 1_000).toFixed(1)
  console.log(`${code === 0 ? 'ok    ' : 'FAILED'} ${name} (${seconds} s)`)
  if (code === 0) return { passed: 1, skipped: 0, failures: [] }
  console.log(output.trimEnd())
  return { passed: 0, skipped: 0, failures: [`check ${name}: exit code ${code}`] }
}

/** `bun test` over exactly these files, each of which must report. */
async function tests(
  files: readonly string[],
  flags: readonly string[],
  limitMs: number,
): Promise<Tally> {
  const folder = await mkdtemp(join(tmpdir(), 'slipway-test-'))
  try {
    const report = join(folder, 'junit.xml')
    const reporter = ['--only-failures', '--reporter=junit', `--reporter-outfile=${report}`]
    const paths = files.map((file) => `./${file}`)
    const command = [bun, 'test', ...flags, ...reporter, ...paths]
    const { code } = await runLimited(command, limitMs, 'inherit')
    const xml = Bun.file(report)
    const tally = readJunit((await xml.exists()) ? await xml.text() : '', files)
    if (code === 0 || tally.failures.length > 0) return tally
    return { ...tally, failures: [`bun test ended with ${code} though no test failed`] }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

const scan = async (pattern: string) => (await Array.fromAsync(new Glob(pattern).scan(root))).sort()

async function runChecks(): Promise<Tally[]> {
  const tallies: Tally[] = []
  for (const [name, command] of Object.entries(checks)) {
    tallies.push(await check(name, command, 5 * MINUTE))
  }
  return tallies
}

async function runTests(): Promise<Tally> {
  const everywhere = await scan('{core,plugins,schemas,appliance,scripts,test}/**/*.test.{ts,tsx}')
  const files = everywhere.filter((file) => !file.startsWith('test/binary/'))
  return tests(files, ['--parallel', '--timeout=30000'], 25 * MINUTE)
}

/** One after the other: these tests measure, and each starts whole appliances. */
async function runBinary(): Promise<Tally[]> {
  const built = await check('build', [bun, 'scripts/build.ts'], 5 * MINUTE)
  const files = await scan('test/binary/*.test.ts')
  return [built, await tests(files, ['--timeout=300000'], 20 * MINUTE)]
}

/** A real machine: QEMU, a root file system and the maintenance ISO are made where the cache lacks them. */
const runMachine = () => tests(['test/e2e/install.vm.ts'], [], 20 * MINUTE)

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: { fast: { type: 'boolean' }, checks: { type: 'boolean' } },
  })
  const started = performance.now()
  const tallies = await runChecks()
  if (!values.checks) tallies.push(await runTests())
  if (!values.checks && !values.fast) tallies.push(...(await runBinary()), await runMachine())
  const total = sum(tallies)
  console.log(`\n${((performance.now() - started) / MINUTE).toFixed(1)} minutes`)
  for (const failure of total.failures) console.log(`FAILED ${failure}`)
  console.log(summary(total))
  return total.failures.length > 0 || total.passed === 0 ? 1 : 0
}

process.exit(await main())
