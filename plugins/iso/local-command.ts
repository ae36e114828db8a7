// SPDX-License-Identifier: AGPL-3.0-or-later
import { type ParseArgsOptionsConfig, parseArgs } from 'node:util'
import { Fault, sentence } from '../../core/faults.ts'
import type { Command } from '../../core/plugin.ts'
import type { WrittenIso } from './write-iso.ts'

/** Exit codes of the commands here. */
const FAILED = 1
const WRONG_USAGE = 2

/** The arguments make no sense; the message says how they would. */
export class UsageError extends Error {}

/** What a command says: a value for `--json`, else lines. */
export interface CommandOutput {
  readonly value: unknown
  readonly lines: readonly string[]
}

/** Says which image was written. */
export const writtenReport = (file: string, { sizeBytes, sha256 }: WrittenIso): CommandOutput => ({
  value: { file, size_bytes: sizeBytes, sha256 },
  lines: [`${file}: ${sizeBytes} bytes, sha256 ${sha256}`],
})

type Parsed<O extends ParseArgsOptionsConfig> = ReturnType<
  typeof parseArgs<{ options: O; allowPositionals: true; strict: true }>
>

interface LocalCommand<O extends ParseArgsOptionsConfig> {
  readonly name: string
  readonly summary: string
  /** What stands behind `slipway iso NAME`. */
  readonly usage: string
  readonly options: O
  work(parsed: Parsed<O>): Promise<CommandOutput>
}

function parse<O extends ParseArgsOptionsConfig>(args: readonly string[], options: O): Parsed<O> {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true, strict: true })
  } catch (cause) {
    throw new UsageError(sentence(cause), { cause })
  }
}

/** What went wrong, foreseen by us or by the file system. Bugs stay bugs. */
function isExpected(error: unknown): error is Error {
  return error instanceof Fault || (error instanceof Error && 'syscall' in error)
}

/** Behind `--` everything is a file, also one of this name. */
const asksForHelp = (args: readonly string[]) =>
  args.slice(0, args.includes('--') ? args.indexOf('--') : args.length).some(isHelp)
const isHelp = (word: string) => word === '--help' || word === '-h'
const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1)

/** A command on local files: no appliance needed. One sentence on stderr when it fails. */
export function localCommand<const O extends ParseArgsOptionsConfig>(
  command: LocalCommand<O>,
): Command {
  const { name, summary, usage, options, work } = command
  return {
    name,
    summary,
    async run(args) {
      if (asksForHelp(args)) {
        process.stdout.write(`usage: slipway iso ${name} ${usage}\n${capital(summary)}.\n`)
        return 0
      }
      try {
        const parsed = parse(args, options)
        const { value, lines } = await work(parsed)
        const text = args.includes('--json') ? JSON.stringify(value, null, 2) : lines.join('\n')
        process.stdout.write(`${text}\n`)
        return 0
      } catch (error) {
        if (error instanceof UsageError) {
          process.stderr.write(`${error.message}; usage: slipway iso ${name} ${usage}\n`)
          return WRONG_USAGE
        }
        if (!isExpected(error)) throw error
        process.stderr.write(`${sentence(error)}\n`)
        return FAILED
      }
    },
  }
}
