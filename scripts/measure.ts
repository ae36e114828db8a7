// SPDX-License-Identifier: AGPL-3.0-or-later
/** Prints sizes of the source beside what we aim at. Starts a conversation; fails nothing. */
import { resolve } from 'node:path'
import { Glob } from 'bun'

interface FileSizes {
  readonly isTest: boolean
  readonly lines: number
  readonly imports: number
  readonly comments: number
  readonly code: number
}

const root = resolve(import.meta.dir, '..')

/** Comment lines are lines that hold nothing else; a licence line is none. */
function sizes(file: string, source: string): FileSizes {
  let comments = 0
  let code = 0
  let inBlock = false
  for (const line of source.split('\n').map((text) => text.trim())) {
    if (line === '' || line.includes('SPDX-License-Identifier')) continue
    if (!inBlock && line.startsWith('/*')) inBlock = true
    if (inBlock || line.startsWith('//')) comments += 1
    else code += 1
    if (inBlock && line.includes('*/')) inBlock = false
  }
  return {
    isTest: /\.test(-d)?\.tsx?$/.test(file) || file.startsWith('test/'),
    lines: source.split('\n').length - 1,
    imports: source.match(/^import\b/gm)?.length ?? 0,
    comments,
    code,
  }
}

const sorted = (values: readonly number[]) => [...values].sort((a, b) => a - b)
const quantile = (values: readonly number[], share: number) =>
  sorted(values)[Math.min(values.length - 1, Math.floor(values.length * share))] ?? 0
const spread = (values: readonly number[]) =>
  `${quantile(values, 0.5)} / ${quantile(values, 0.9)} / ${quantile(values, 1)}`
const total = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0)

const files: FileSizes[] = []
const pattern = '{core,plugins,schemas,appliance,scripts,test}/**/*.{ts,tsx}'
for await (const file of new Glob(pattern).scan(root)) {
  if (/^test\/(fixtures|golden)\//.test(file)) continue
  files.push(sizes(file, await Bun.file(`${root}/${file}`).text()))
}
const source = files.filter((file) => !file.isTest)
const tests = files.filter((file) => file.isTest)
const comments = total(source.map((file) => file.comments))
const code = total(source.map((file) => file.code))
const testCode = total(tests.map((file) => file.code))

console.table([
  { what: 'files of source, of tests', is: `${source.length}, ${tests.length}`, aim: '' },
  {
    what: 'lines per file, median / p90 / most',
    is: spread(source.map((file) => file.lines)),
    aim: '≤ 80 / ≤ 250 / ≤ 400',
  },
  {
    what: 'imports per file, median / p90 / most',
    is: spread(source.map((file) => file.imports)),
    aim: '≤ 4 / ≤ 10',
  },
  {
    what: 'comment lines of all lines',
    is: `${((100 * comments) / (comments + code)).toFixed(1)} %`,
    aim: '12–18 %',
  },
  {
    what: 'lines of test per line of source',
    is: `${(testCode / code).toFixed(2)} (${testCode} : ${code})`,
    aim: '1.0–2.0',
  },
])
