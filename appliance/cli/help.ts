// SPDX-License-Identifier: AGPL-3.0-or-later
import type { OptionSpecs } from '../../core/command.ts'
import { startsWith } from './arguments.ts'
import { type CliCommand, COMMON_OPTIONS } from './command.ts'
import { EXIT, EXIT_MEANINGS } from './exit.ts'
import type { Output } from './output.ts'

/** Two columns; the left one as wide as its widest entry. */
function columns(rows: readonly (readonly [left: string, right: string])[]): readonly string[] {
  const width = Math.max(0, ...rows.map(([left]) => left.length))
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`.trimEnd())
}

function optionRows(specs: OptionSpecs): readonly (readonly [string, string])[] {
  return Object.entries(specs).map(([name, spec]) => {
    const short = spec.short ? `-${spec.short}, ` : '    '
    const value = spec.value ? ` ${spec.value}` : ''
    const repeat = spec.repeat ? ' (repeatable)' : ''
    return [`${short}--${name}${value}`, `${spec.summary}${repeat}`]
  })
}

/** `slipway job create -f FILE [--watch]`-like line of a command. */
function usage({ words, options, arguments: expected = [] }: CliCommand): string {
  const names = expected.map(({ name, optional, many }) => {
    const shown = many ? `${name}…` : name
    return optional ? `[${shown}]` : shown
  })
  const some = options && Object.keys(options).length > 0 ? ['[OPTIONS]'] : []
  return ['slipway', ...words, ...names, ...some].join(' ')
}

const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1)

const indented = (lines: readonly string[]) => lines.map((line) => `  ${line}`)

/** The help of one command. */
export function commandHelp(command: CliCommand): readonly string[] {
  const { summary, about, arguments: expected, options, examples, raw } = command
  if (raw)
    return [`${capital(summary)}.`, '', 'Its own help says what it takes:', ...indented(examples)]
  return [
    usage(command),
    '',
    `${capital(summary)}.`,
    ...(about ? ['', ...about.split('\n')] : []),
    ...(expected?.length
      ? ['', 'Arguments:', ...columns(expected.map((one) => [one.name, one.summary]))]
      : []),
    ...(options ? ['', 'Options:', ...columns(optionRows(options))] : []),
    '',
    'Common options:',
    ...columns(optionRows(COMMON_OPTIONS)),
    '',
    examples.length === 1 ? 'Example:' : 'Examples:',
    ...indented(examples),
  ]
}

/** The commands that begin with these words; all of them for none. */
export function groupHelp(
  words: readonly string[],
  commands: readonly CliCommand[],
): readonly string[] {
  const members = commands.filter((one) => startsWith(one.words, words))
  return [
    `${['slipway', ...words].join(' ')} COMMAND`,
    '',
    ...(words.length === 0 ? ['Provisions bare metal through Redfish.', ''] : []),
    'Commands:',
    ...columns(members.map((one) => [one.words.join(' '), one.summary])),
    '',
    `\`slipway COMMAND --help\` shows options and examples; \`slipway help exit-codes\` the exit codes.`,
  ]
}

export function exitCodeHelp(): readonly string[] {
  return ['Exit codes:', ...columns(EXIT_MEANINGS.map(([code, text]) => [String(code), text]))]
}

/** Prints help that was asked for. Returns the exit code. */
export function showHelp(lines: readonly string[], out: Output): number {
  out.answer({ help: lines.join('\n') }, () => lines)
  return EXIT.ok
}
