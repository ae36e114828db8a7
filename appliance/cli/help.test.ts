// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import manifest from '../../package.json' with { type: 'json' }
import { EXIT, EXIT_MEANINGS } from './exit.ts'
import { slipway } from './test-bed.ts'

test('help names every command, those of plugins too', async () => {
  const { code, stdout } = await slipway(['help'])
  expect(code).toBe(EXIT.ok)
  for (const words of ['serve', 'job create', 'machine alias add', 'iso build', 'completion']) {
    expect(stdout).toContain(`\n  ${words} `)
  }
  expect(await slipway(['--help'])).toMatchObject({ code: EXIT.ok, stdout })
})

test('without a command the help goes to standard error, as a usage fault', async () => {
  const { code, stdout, stderr } = await slipway([])
  expect({ code, stdout }).toEqual({ code: EXIT.usage, stdout: '' })
  expect(stderr).toContain('job create')
  const json = await slipway(['job', '--json'])
  expect(json.code).toBe(EXIT.usage)
  expect(JSON.parse(json.stdout)).toMatchObject({ code: 'cli.usage' })
  expect(JSON.parse((await slipway(['job', '--json', '-h'])).stdout).help).toContain('job create')
})

test.each(['job create --help', 'help job create'])(
  '`slipway %s` shows usage, options and examples',
  async (line) => {
    const { code, stdout } = await slipway(line.split(' '))
    expect(code).toBe(EXIT.ok)
    expect(stdout).toStartWith('slipway job create [OPTIONS]\n')
    expect(stdout).toContain('-f, --file FILE')
    expect(stdout).toContain('Examples:\n  slipway job create -f')
  },
)

test('the exit codes are documented, each once', async () => {
  const { stdout } = await slipway(['help', 'exit-codes'])
  const told = stdout
    .split('\n')
    .slice(1)
    .filter(Boolean)
    .map((line) => Number.parseInt(line, 10))
  expect(told).toEqual(Object.values(EXIT))
  expect(EXIT_MEANINGS).toHaveLength(told.length)
})

test('a misspelt command is met with the nearest one, in a shape for programs too', async () => {
  const { code, stdout, stderr } = await slipway(['job', 'crate', '--json'])
  expect(code).toBe(EXIT.usage)
  expect(stderr).toContain('did you mean `create`?')
  expect(JSON.parse(stdout)).toMatchObject({ error: 'usage', code: 'cli.usage' })
})

test('version tells version, commit and its date', async () => {
  const { stdout } = await slipway(['version', '--json'])
  expect(JSON.parse(stdout)).toEqual({
    version: manifest.version,
    commit: expect.any(String),
    commit_date: expect.any(String),
  })
  expect((await slipway(['version'])).stdout).toStartWith(`slipway ${manifest.version} (`)
})
