// SPDX-License-Identifier: AGPL-3.0-or-later
import { builtInPlugins } from '../plugins.ts'
import type { CliCommand } from './command.ts'

/** What plugins add: `slipway iso build`; a command named like its plugin is `slipway simulator` alone. */
export function pluginCommands(): readonly CliCommand[] {
  return builtInPlugins.flatMap(({ name, commands = [] }) =>
    commands.map(
      (command): CliCommand => ({
        words: command.name === name ? [name] : [name, command.name],
        summary: command.summary,
        raw: true,
        examples: [`slipway ${command.name === name ? name : `${name} ${command.name}`} --help`],
        run: ({ args }) => command.run(args, builtInPlugins),
      }),
    ),
  )
}
