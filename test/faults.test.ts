// SPDX-License-Identifier: AGPL-3.0-or-later
/** Every foreseen fault is raised somewhere: a code that nobody raises is a promise that nobody keeps. */
import { expect, test } from 'bun:test'
import { join, resolve } from 'node:path'
import { Glob } from 'bun'
import { definedFaults } from '../core/faults.ts'

const root = resolve(import.meta.dir, '..')
const sources: { readonly path: string; readonly text: string }[] = []
for (const area of ['core', 'plugins', 'appliance', 'schemas']) {
  for await (const path of new Glob(`${area}/**/*.{ts,tsx}`).scan(root)) {
    if (/\.test(-d)?\.tsx?$/.test(path)) continue
    sources.push({ path, text: await Bun.file(join(root, path)).text() })
  }
}

/** `export const jobFaults = defineFaults('job', {…})`: the name of the table, its area, its rows. */
const DEFINED = /const (\w+) = defineFaults\(\s*'([^']+)',\s*\{(.*?)\n\}\)/gs
const ROW = /^ {2}(\w+): \{/gm

const tables = sources.flatMap(({ path, text }) =>
  [...text.matchAll(DEFINED)].map(([, table = '', area = '', body = '']) => ({
    ...{ path, table, area },
    names: [...body.matchAll(ROW)].map(([, name = '']) => name),
  })),
)

const kebab = (name: string) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)

test('the source is read right: it defines exactly the codes that are known once it is loaded', async () => {
  for (const { path } of tables) await import(join(root, path))
  const read = tables.flatMap(({ area, names }) => names.map((name) => `${area}.${kebab(name)}`))
  expect(read.length).toBeGreaterThan(30)
  const known = [...definedFaults.keys()].filter((code) => !code.startsWith('test-'))
  expect(read.toSorted()).toEqual(known.toSorted())
  expect(new Set(read).size).toBe(read.length)
})

test('areas and codes have one shape', () => {
  for (const code of definedFaults.keys()) {
    expect(code).toMatch(/^[a-z][a-z0-9]*(-[a-z0-9]+)*\.[a-z][a-z0-9]*([-_][a-z0-9]+)*$/)
  }
})

test('every fault is raised somewhere', () => {
  const all = sources.map(({ text }) => text).join('\n')
  const unused = tables.flatMap(({ table, area, names }) =>
    names
      .filter((name) => {
        const code = `${area}.${kebab(name)}`
        const raised = new RegExp(`\\b${table}\\s*\\.${name}\\b`)
        // Kept on a job as its `failed_code`, without an error in between.
        return !raised.test(all) && !all.includes(`'${code}'`)
      })
      .map((name) => `${area}.${kebab(name)}`),
  )
  expect(unused).toEqual([])
})
