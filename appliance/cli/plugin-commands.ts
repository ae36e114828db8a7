// SPDX-License-Identifier: AGPL-3.0-or-later
import type { DeclaredCommand } from '../../core/command.ts'
import type { RawCommand } from '../../core/plugin.ts'
import { builtInPlugins } from '../plugins.ts'
import type { Call, CliCommand } from './command.ts'
import { usageProblem } from './problem.ts'
import { canAsk, confirm } from './prompt.ts'

/** What plugins add: `slipway iso build`; a command named like its plugin is `slipway simulator` alone. */
export function pluginCommands(): readonly CliCommand[] {
  return builtInPlugins.flatMap(({ name, commands = [] }) =>
    commands.map((command) => {
      const words = command.name === name ? [name] : [name, ...command.name.split(' ')]
      return 'call' in command ? declared(words, command) : raw(words, command)
    }),
  )
}

const raw = (words: readonly string[], { summary, run }: RawCommand): CliCommand => ({
  words,
  summary,
  raw: true,
  examples: [`slipway ${words.join(' ')} --help`],
  run: ({ args }) => run(args, builtInPlugins),
})

const declared = (words: readonly string[], command: DeclaredCommand): CliCommand => ({
  ...command,
  words,
  run: (call) =>
    command.call({
      ...call,
      confirmed: (question) => confirmed(call, question, ['slipway', ...words].join(' ')),
      usage: (message) => usageProblem(message, ['slipway', ...words].join(' ')),
    }),
})

async function confirmed({ flags }: Call, question: string, hint: string): Promise<boolean> {
  if (flags.on('yes')) return true
  if (!canAsk()) throw usageProblem('without a terminal it needs --yes', hint)
  return confirm(question)
}
