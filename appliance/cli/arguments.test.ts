// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, test } from 'bun:test'
import { parseLine } from './arguments.ts'
import type { CliCommand } from './command.ts'
import { coreCommands } from './commands.ts'
import { CliProblem } from './problem.ts'

const run = async () => 0
const commands: readonly CliCommand[] = [
  {
    words: ['job', 'create'],
    summary: '',
    examples: [],
    options: {
      file: { short: 'f', value: 'FILE', summary: '' },
      label: { value: 'K=V', repeat: true, summary: '' },
      plan: { value: 'PLAN', choices: ['one', 'two'], summary: '' },
      watch: { short: 'w', summary: '' },
    },
    run,
  },
  {
    words: ['job', 'show'],
    summary: '',
    examples: [],
    arguments: [{ name: 'JOB', summary: 'its id' }],
    run,
  },
  {
    words: ['job', 'watch'],
    summary: '',
    examples: [],
    arguments: [{ name: 'JOB', summary: '', many: true }],
    run,
  },
  { words: ['iso', 'build'], summary: '', examples: [], raw: true, run },
  { words: ['version'], summary: '', examples: [], run },
]

function parse(line: string) {
  const parsed = parseLine(line.split(' ').filter(Boolean), commands)
  if (parsed.kind === 'group') return parsed
  const { command, args, flags } = parsed
  const names = ['file', 'plan', 'url']
  return {
    words: command.words.join(' '),
    args,
    label: flags.list('label'),
    watch: flags.on('watch'),
    help: flags.on('help'),
    ...Object.fromEntries(names.map((name) => [name, flags.text(name)])),
  }
}

test.each([
  ['options of both kinds', 'job create -f a.json --watch', { file: 'a.json', watch: true }],
  ['a value after =', 'job create --file=a=b.json', { file: 'a=b.json' }],
  ['a value that sticks to its letter', 'job create -fa.json', { file: 'a.json' }],
  ['a dash for standard input', 'job create -f -', { file: '-' }],
  [
    'an option given several times',
    'job create --label a=1 --label b=2',
    { label: ['a=1', 'b=2'] },
  ],
  [
    'common options before the words',
    '--url http://x job --json create',
    { words: 'job create', url: 'http://x' },
  ],
  ['arguments between options', 'job show --url http://x id-1', { args: ['id-1'] }],
  ['many arguments', 'job watch a b -- --c', { args: ['a', 'b', '--c'] }],
  ['help without what is needed', 'job show -h', { help: true }],
  ['a command that reads its own options', 'iso build --odd x -h', { args: ['--odd', 'x', '-h'] }],
])('%s are understood', (_, line, expected) => {
  expect(parse(line)).toMatchObject(expected)
})

test.each([
  ['', []],
  ['job', ['job']],
  ['job --json', ['job']],
])('`slipway %s` is the beginning of commands', (line, words) => {
  expect(parse(line)).toEqual({ kind: 'group', words, help: false })
})

test.each([
  ['jbo list', 'slipway has no command `jbo`; did you mean `job`?'],
  ['job cerate', 'slipway job has no command `cerate`; did you mean `create`?'],
  ['job xyzzy', 'slipway job has no command `xyzzy`; it knows create, show, watch'],
  ['job create --flie x', 'unknown option `--flie`; did you mean `--file`?'],
  ['job create -x', 'unknown option `-x`'],
  ['job create --file', '--file needs a value: FILE'],
  ['job create --watch=yes', '--watch takes no value'],
  ['job create --plan onee', '--plan is one of one, two; did you mean `one`?'],
  ['job create -f a -f b', '--file is given twice'],
  ['job show', 'slipway job show needs JOB: its id'],
  ['job show a b', 'slipway job show has no use for `b`'],
  ['version now', 'slipway version has no use for `now`'],
])('`slipway %s` is refused with a remedy', (line, message) => {
  expect(() => parse(line)).toThrow(message)
})

test('a value with a secret is not repeated by a refusal', () => {
  const refused = () => parse('job create --token=canary-1')
  expect(refused).toThrow(CliProblem)
  expect(refused).not.toThrow('canary')
})

describe('every command of the product', () => {
  const all: readonly CliCommand[] = coreCommands(() => all)
  test.each(all.map((command) => [command.words.join(' '), command] as const))(
    '%s has a summary and examples that parse',
    (words, command) => {
      expect(command.summary).toMatch(/^[a-z].*[^.]$/)
      expect(command.examples.length).toBeGreaterThan(0)
      for (const example of command.examples) {
        expect(example).toContain(`slipway ${words}`)
        const [line = ''] = example.slice(example.indexOf(`slipway ${words}`)).split(/ [|><]|&&/)
        const argv = [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(
          (found) => found[1] ?? found[2] ?? '',
        )
        expect(parseLine(argv.slice(1), all)).toMatchObject({ kind: 'command', command })
      }
    },
  )
})
