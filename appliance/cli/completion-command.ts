// SPDX-License-Identifier: AGPL-3.0-or-later
import type { CliCommand } from './command.ts'
import { bashCompletion } from './completion-bash.ts'
import { fishCompletion } from './completion-fish.ts'
import { zshCompletion } from './completion-zsh.ts'
import { EXIT } from './exit.ts'
import { usageProblem } from './problem.ts'

const SHELLS: Readonly<Record<string, (commands: readonly CliCommand[]) => string>> = {
  bash: bashCompletion,
  zsh: zshCompletion,
  fish: fishCompletion,
}

/** Needs the whole table, itself included, so it is made when that is known. */
export function completionCommand(commands: () => readonly CliCommand[]): CliCommand {
  return {
    words: ['completion'],
    summary: 'a script that completes command lines',
    arguments: [{ name: 'SHELL', summary: Object.keys(SHELLS).join(', ') }],
    examples: [
      'slipway completion bash > /etc/bash_completion.d/slipway',
      'slipway completion zsh > /usr/local/share/zsh/site-functions/_slipway',
      'slipway completion fish > ~/.config/fish/completions/slipway.fish',
    ],
    async run({ args: [shell = ''], out }) {
      const script = SHELLS[shell]
      if (!script) {
        const known = Object.keys(SHELLS).join(', ')
        throw usageProblem(`SHELL is one of ${known}`, 'slipway completion')
      }
      out.raw(script(commands()))
      return EXIT.ok
    },
  }
}
