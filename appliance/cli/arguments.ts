// SPDX-License-Identifier: AGPL-3.0-or-later

import type { Flags, OptionSpec, OptionSpecs } from '../../core/command.ts'
import { didYouMean } from '../../core/nearest.ts'
import { type CliCommand, COMMON_OPTIONS } from './command.ts'
import { usageProblem } from './problem.ts'

/** What a command line asks for. */
export type Parsed =
  | {
      readonly kind: 'command'
      readonly command: CliCommand
      readonly args: readonly string[]
      readonly flags: Flags
    }
  /** Words that only begin commands, such as `slipway job`; empty for `slipway` alone. */
  | { readonly kind: 'group'; readonly words: readonly string[]; readonly help: boolean }

/** Finds the command and reads its options. Throws a usage problem that names the nearest known word. */
export function parseLine(argv: readonly string[], commands: readonly CliCommand[]): Parsed {
  const words: string[] = []
  const early: string[] = []
  let at = 0
  for (; at < argv.length; at++) {
    const token = argv[at] ?? ''
    if (token === '--') break
    if (token.startsWith('-') && token !== '-') {
      const taken = takesNext(token, COMMON_OPTIONS) ? 2 : 1
      early.push(...argv.slice(at, at + taken))
      at += taken - 1
      continue
    }
    if (!commands.some((one) => startsWith(one.words, [...words, token]))) break
    words.push(token)
    if (isLeaf(words, commands)) {
      at++
      break
    }
  }
  const command = commands.find((one) => same(one.words, words))
  const rest = argv.slice(at)
  if (command?.raw) {
    return { kind: 'command', command, args: [...early, ...rest], flags: noFlags }
  }
  if (command) return { kind: 'command', command, ...readOptions(command, [...early, ...rest]) }
  if (rest[0] !== undefined && rest[0] !== '--') throw unknownWord(words, rest[0], commands)
  const options = readTokens(early, COMMON_OPTIONS, ['slipway', ...words].join(' '))
  return { kind: 'group', words, help: options.flags.on('help') }
}

/** The first word of a command line that is no option and no value of one. */
export function firstWord(argv: readonly string[]): string | undefined {
  for (let at = 0; at < argv.length; at++) {
    const token = argv[at] ?? ''
    if (!token.startsWith('-') || token === '-') return token
    if (takesNext(token, COMMON_OPTIONS)) at++
  }
  return undefined
}

function readOptions(command: CliCommand, tokens: readonly string[]) {
  const line = ['slipway', ...command.words].join(' ')
  const read = readTokens(tokens, { ...COMMON_OPTIONS, ...command.options }, line)
  if (read.flags.on('help')) return read
  const expected = command.arguments ?? []
  const missing = expected.slice(read.args.length).find((one) => !one.optional)
  if (missing) throw usageProblem(`${line} needs ${missing.name}: ${missing.summary}`, line)
  const extra = read.args[expected.length]
  if (extra !== undefined && !expected.at(-1)?.many) {
    throw usageProblem(`${line} has no use for \`${extra}\``, line)
  }
  return read
}

/** Reads options and arguments in any order; after `--` all is arguments. */
function readTokens(tokens: readonly string[], specs: OptionSpecs, line: string) {
  const values = new Map<string, string[]>()
  const args: string[] = []
  for (let at = 0; at < tokens.length; at++) {
    const token = tokens[at] ?? ''
    if (token === '--') {
      args.push(...tokens.slice(at + 1))
      break
    }
    if (!token.startsWith('-') || token === '-') {
      args.push(token)
      continue
    }
    const { name, spec, inline } = known(token, specs, line)
    const value = spec.value === undefined ? '' : (inline ?? tokens[++at])
    const given = values.get(name) ?? []
    values.set(name, [...given, checked(name, spec, value, line)])
    if (given.length > 0 && spec.value !== undefined && !spec.repeat) {
      throw usageProblem(`--${name} is given twice`, line)
    }
  }
  return { args, flags: flagsOf(values) }
}

function known(token: string, specs: OptionSpecs, line: string) {
  const { name, inline } = splitOption(token, specs)
  const spec = name !== undefined && Object.hasOwn(specs, name) ? specs[name] : undefined
  if (name === undefined || !spec) throw unknownOption(token, specs, line)
  if (spec.value === undefined && inline !== undefined) {
    throw usageProblem(`--${name} takes no value`, line)
  }
  return { name, spec, inline }
}

function checked(name: string, spec: OptionSpec, value: string | undefined, line: string): string {
  if (value === undefined) throw usageProblem(`--${name} needs a value: ${spec.value}`, line)
  if (!spec.choices || spec.choices.includes(value)) return value
  const choices = spec.choices.join(', ')
  throw usageProblem(`--${name} is one of ${choices}${didYouMean(value, spec.choices)}`, line)
}

function flagsOf(values: ReadonlyMap<string, readonly string[]>): Flags {
  return {
    on: (name) => values.has(name),
    text: (name) => values.get(name)?.at(-1),
    list: (name) => values.get(name) ?? [],
  }
}

const noFlags = flagsOf(new Map())

function splitOption(token: string, specs: OptionSpecs) {
  if (token.startsWith('--')) {
    const equals = token.indexOf('=')
    if (equals === -1) return { name: token.slice(2), inline: undefined }
    return { name: token.slice(2, equals), inline: token.slice(equals + 1) }
  }
  const letter = token.charAt(1)
  const name = Object.keys(specs).find((one) => specs[one]?.short === letter)
  return { name, inline: token.length > 2 ? token.slice(2) : undefined }
}

function takesNext(token: string, specs: OptionSpecs): boolean {
  const { name, inline } = splitOption(token, specs)
  return name !== undefined && inline === undefined && specs[name]?.value !== undefined
}

function unknownOption(token: string, specs: OptionSpecs, line: string) {
  const option = token.split('=')[0] ?? token
  const known = Object.keys(specs).map((name) => `--${name}`)
  return usageProblem(`unknown option \`${option}\`${didYouMean(option, known)}`, line)
}

function unknownWord(words: readonly string[], word: string, commands: readonly CliCommand[]) {
  const next = commands
    .filter((one) => startsWith(one.words, words))
    .map((one) => one.words[words.length] ?? '')
  const line = ['slipway', ...words].join(' ')
  const known = new Set(next)
  const list = words.length > 0 ? `; it knows ${[...known].join(', ')}` : ''
  return usageProblem(`${line} has no command \`${word}\`${didYouMean(word, known) || list}`, line)
}

function isLeaf(words: readonly string[], commands: readonly CliCommand[]): boolean {
  return commands
    .filter((one) => startsWith(one.words, words))
    .every((one) => same(one.words, words))
}

export function startsWith(words: readonly string[], beginning: readonly string[]): boolean {
  return beginning.every((word, index) => words[index] === word)
}

function same(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && startsWith(a, b)
}
