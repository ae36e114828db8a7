// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, test } from 'bun:test'
import { join, resolve } from 'node:path'
import { slipway } from '../appliance/cli/test-bed.ts'
import { settingsOfPlugins } from '../appliance/config.ts'
import { builtInPlugins } from '../appliance/plugins.ts'

const ROOT = resolve(import.meta.dir, '..')
const path = join(ROOT, 'README.md')
const readme = await Bun.file(path).text()

/** The configuration as the schemas tell it, one row a key. */
function configTable(): string {
  const rows = settingsOfPlugins(builtInPlugins).map(
    ({ key, default: fallback, description }) =>
      `| \`${key}\` | \`${JSON.stringify(fallback)}\` | ${description} |`,
  )
  return ['| key | default | meaning |', '|---|---|---|', ...rows].join('\n')
}

const TABLE = /(<!-- config:[^\n]*-->\n)[\s\S]*?(\n\n## )/

test('the configuration table is what the schemas say (UPDATE=1 rewrites it)', async () => {
  const wanted = readme.replace(TABLE, (_, head, tail) => `${head}${configTable()}${tail}`)
  if (process.env['UPDATE']) await Bun.write(path, wanted)
  else expect(wanted.split('\n').filter((line) => !readme.split('\n').includes(line))).toEqual([])
})

test('every plugin stands in the README, and every path that it names exists', async () => {
  const missing = builtInPlugins.filter(({ name }) => !readme.includes(`\`${name}\``))
  expect(missing.map(({ name }) => name)).toEqual([])
  for (const [, script = ''] of readme.matchAll(/^(scripts\/[a-z-]+)/gm)) {
    expect({ script, exists: await Bun.file(join(ROOT, script)).exists() }).toEqual({
      script,
      exists: true,
    })
  }
})

/** Command lines in the text and in the blocks of shell, each without its `slipway`. */
const LINES = [
  ...[...readme.matchAll(/`slipway ([^`]+)`/g)].map(([, line = '']) => line),
  ...[...readme.matchAll(/^slipway ([^>&#\n]+)/gm)].map(([, line = '']) => line),
]

test.each(LINES)('`slipway %s` has its command and its options', async (line) => {
  const words = line.split(' ').filter((word) => /^[a-z][a-z-]*$/.test(word))
  const options = line.split(' ').filter((word) => /^--?[a-z-]+$/.test(word))
  let help = await slipway([...words, '--help'])
  // The last words may be arguments of the command.
  while (help.code !== 0 && words.pop()) help = await slipway([...words, '--help'])
  expect(words.length > 0 || line.startsWith('-')).toBe(true)
  expect(options.filter((option) => !new RegExp(`(^|\\s)${option}\\b`).test(help.stdout))).toEqual(
    [],
  )
})

describe('the plugin in the README', () => {
  test('compiles and refuses a job at night', async () => {
    const source = /```ts\n(\/\/ plugins\/night-watch[\s\S]*?)```/.exec(readme)?.[1] ?? ''
    const folder = join(ROOT, 'plugins', `.readme-${process.pid}`)
    const file = join(folder, 'index.ts')
    await Bun.write(file, source)
    try {
      const { nightWatch } = await import(file)
      let refuse: ((submission: unknown) => Promise<void>) | undefined
      const hooks = {
        submit: {
          tapPromise: (_: string, tap: typeof refuse) => {
            refuse = tap
          },
        },
      }
      nightWatch.setup({ hooks, now: () => Date.UTC(2026, 0, 1, 3) }, { from_hour: 7, to_hour: 19 })
      expect(refuse?.({ machine: { serial: 'XF-1' } })).rejects.toThrow('XF-1 takes jobs from 7')
    } finally {
      await Bun.$`rm -rf ${folder}`
    }
  })
})
