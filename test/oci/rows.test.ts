// SPDX-License-Identifier: AGPL-3.0-or-later
/** The table in README.md: no rule without a test. */
import { describe, expect, test } from 'bun:test'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Glob } from 'bun'

const read = (name: string) => readFile(join(import.meta.dir, name), 'utf8')

const [, table = ''] = (await read('README.md')).split('|---|---|---|\n')
const rows = table
  .trim()
  .split('\n')
  .map((line) => {
    const [rule = '', file = '', name = ''] = line.split('|').slice(1, -1)
    return { rule: rule.trim(), file: file.trim(), name: name.trim() }
  })

/** Names as they stand in the source, `test('…'` or the row of a table's `)('…'`. */
async function namesIn(file: string): Promise<ReadonlySet<string>> {
  const source = await read(`${file}.test.ts`)
  const found = source.matchAll(/(?:\btest|\]|\)|^\s*)\(?\s*'((?:[^'\\\n]|\\.)+)',/gm)
  return new Set([...found].map(([, name = '']) => name))
}

const files = new Map<string, ReadonlySet<string>>()
for (const path of new Glob('*.test.ts').scanSync(import.meta.dir)) {
  const file = path.replace('.test.ts', '')
  files.set(file, await namesIn(file))
}

describe('the table of rules', () => {
  test('names no rule without a test that exists', () => {
    const missing = rows.filter(({ file, name }) => !files.get(file)?.has(name))
    expect(missing).toEqual([])
  })

  test('has each rule once', () => {
    const rules = rows.map(({ rule }) => rule)
    expect(rules.filter((rule, at) => rules.indexOf(rule) !== at)).toEqual([])
  })

  test.each([
    ...Array.from({ length: 14 }, (_, at) => `end-${at + 1}`),
    ...['names', 'tags', 'digests', 'manifest size', 'blob size', 'Warning', 'errors', 'catalog'],
    ...['over all', 'state machine', 'media types', 'sha512', 'referrers', 'basic', 'bearer'],
  ])('has rules of %s', (area) => {
    const own = rows.filter(({ rule }) => new RegExp(`^${area}(?:[a-zA-Z]*)?\\b`).test(rule))
    expect(own.length).toBeGreaterThan(0)
  })
})
