// SPDX-License-Identifier: AGPL-3.0-or-later
import { didYouMean } from '../../core/nearest.ts'
import { startsWith } from './arguments.ts'
import type { CliCommand } from './command.ts'
import { commandHelp, exitCodeHelp, groupHelp, showHelp } from './help.ts'
import { usageProblem } from './problem.ts'

/** Needs the whole table, itself included, so it is made when that is known. */
export function helpCommand(commands: () => readonly CliCommand[]): CliCommand {
  return {
    words: ['help'],
    summary: 'help about a command, or `exit-codes`',
    arguments: [{ name: 'COMMAND', summary: 'words of a command', optional: true, many: true }],
    examples: ['slipway help job create', 'slipway help exit-codes'],
    async run({ args, out }) {
      return showHelp(helpFor(args, commands()), out)
    },
  }
}

function helpFor(words: readonly string[], commands: readonly CliCommand[]): readonly string[] {
  if (words.length === 1 && words[0] === 'exit-codes') return exitCodeHelp()
  const members = commands.filter((one) => startsWith(one.words, words))
  const [only] = members
  if (only && members.length === 1 && only.words.length === words.length) return commandHelp(only)
  if (members.length > 0) return groupHelp(words, commands)
  const line = words.join(' ')
  const known = commands.map((one) => one.words.join(' '))
  throw usageProblem(`there is no command \`${line}\`${didYouMean(line, known)}`)
}
