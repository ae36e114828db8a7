// SPDX-License-Identifier: AGPL-3.0-or-later

/** How many, and which ones failed. */
export interface Tally {
  readonly passed: number
  readonly skipped: number
  /** A line for each failure: where and what. */
  readonly failures: readonly string[]
}

export const sum = (tallies: readonly Tally[]): Tally => ({
  passed: tallies.reduce((total, tally) => total + tally.passed, 0),
  skipped: tallies.reduce((total, tally) => total + tally.skipped, 0),
  failures: tallies.flatMap((tally) => tally.failures),
})

/** The last line of a test run. */
export function summary({ passed, skipped, failures }: Tally): string {
  const end = skipped > 0 ? `, ${skipped} skipped` : ''
  return `${passed} passed, ${failures.length} failed${end}`
}

/**
 * Reads Bun's JUnit report. Each of `files` must have run at least one test: Bun leaves out a file that
 * does not parse, and a `process.exit(0)` ends a serial run as if it had passed, without a report.
 */
export function readJunit(xml: string, files: readonly string[]): Tally {
  const failures: string[] = []
  const seen = new Set<string>()
  let passed = 0
  let skipped = 0
  for (const [, head = '', body = ''] of xml.matchAll(CASE)) {
    const file = attribute(head, 'file')
    seen.add(file)
    if (body.includes('<failure') || body.includes('<error')) {
      failures.push(`${file}:${attribute(head, 'line') || '?'} ${attribute(head, 'name')}`)
    } else if (body.includes('<skipped')) skipped += 1
    else passed += 1
  }
  for (const file of files) {
    if (!seen.has(file)) failures.push(`${file} ran no test to its end`)
  }
  return { passed, skipped, failures }
}

const CASE = /<testcase\b([^>]*?)(?:\/>|>([\s\S]*?)<\/testcase>)/g
const ENTITIES: Readonly<Record<string, string>> = {
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  amp: '&',
}

const attribute = (head: string, name: string): string =>
  (new RegExp(` ${name}="([^"]*)"`).exec(head)?.[1] ?? '').replace(
    /&(\w+);/g,
    (whole, entity: string) => ENTITIES[entity] ?? whole,
  )
