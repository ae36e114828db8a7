// SPDX-License-Identifier: AGPL-3.0-or-later
import { afterAll, describe, expect, test } from 'bun:test'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readJunit, sum, summary } from './tally.ts'

const folder = await mkdtemp(join(tmpdir(), 'slipway-tally-'))
afterAll(() => rm(folder, { recursive: true, force: true }))

const head = `import { beforeAll, describe, expect, test } from 'bun:test'\n`
const good = `${head}test('good', () => {})\n`

/** Runs real `bun test` over the given files and reads what it reports. */
async function tallyOf(sources: Readonly<Record<string, string>>, ...flags: string[]) {
  for (const [name, source] of Object.entries(sources)) {
    await Bun.write(join(folder, name), source)
  }
  const report = join(folder, 'report.xml')
  await rm(report, { force: true })
  const files = Object.keys(sources)
  const paths = files.map((name) => `./${name}`)
  const reporter = ['--reporter=junit', `--reporter-outfile=${report}`]
  const child = Bun.spawn([process.execPath, 'test', ...flags, ...reporter, ...paths], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'ignore'],
  })
  await child.exited
  const xml = Bun.file(report)
  return readJunit((await xml.exists()) ? await xml.text() : '', files)
}

describe('what a test run counts as failed', () => {
  test('counts passed, failed and skipped tests and names the failed one', async () => {
    const nested = `${head}describe('a <b>', () => {
      test('one & two', () => expect(1).toBe(2))
      test('three', () => {})
      test.skip('four', () => {})
    })\n`
    expect(await tallyOf({ 'good.test.ts': good, 'nested.test.ts': nested })).toEqual({
      passed: 2,
      skipped: 1,
      failures: ['nested.test.ts:3 one & two'],
    })
  })

  test.each([
    { name: 'a file that does not parse', source: `${head}test('x', () => { const = 3 })\n` },
    {
      name: 'a setup that throws',
      source: `${head}beforeAll(() => { throw 1 }); test('x', () => {})\n`,
    },
    { name: 'a test that ends the process', source: `${head}test('x', () => process.exit(0))\n` },
    { name: 'a test that hangs', source: `${head}test('x', () => new Promise(() => {}), 100)\n` },
    { name: 'a file without a test', source: head },
  ])('counts $name, run in parallel', async ({ source }) => {
    const tally = await tallyOf({ 'good.test.ts': good, 'odd.test.ts': source }, '--parallel')
    expect(tally).toMatchObject({ passed: 1, skipped: 0 })
    expect(tally.failures).toHaveLength(1)
    expect(tally.failures[0]).toStartWith('odd.test.ts')
  })

  test('counts every file of a serial run that one test has ended', async () => {
    const odd = `${head}test('x', () => process.exit(0))\n`
    expect((await tallyOf({ 'good.test.ts': good, 'odd.test.ts': odd })).failures).toHaveLength(2)
  })
})

describe('the last line', () => {
  test.each([
    { skipped: 0, line: '3 passed, 1 failed' },
    { skipped: 2, line: '3 passed, 1 failed, 2 skipped' },
  ])('is "$line"', ({ skipped, line }) => {
    const tallies = [
      { passed: 1, skipped, failures: [] },
      { passed: 2, skipped: 0, failures: ['x'] },
    ]
    expect(summary(sum(tallies))).toBe(line)
  })
})
