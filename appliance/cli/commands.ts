// SPDX-License-Identifier: AGPL-3.0-or-later
import type { CliCommand } from './command.ts'
import { helpCommand } from './help-command.ts'
import { versionCommand } from './version-command.ts'

/** All commands of the executable but those of plugins, in the order of the help. */
export function coreCommands(all: () => readonly CliCommand[]): readonly CliCommand[] {
  return [versionCommand, helpCommand(all)]
}
