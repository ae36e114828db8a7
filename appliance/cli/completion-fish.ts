// SPDX-License-Identifier: AGPL-3.0-or-later
import type { OptionSpec } from '../../core/command.ts'
import type { CliCommand } from './command.ts'
import { type CompletionPoint, completionPoints, takesFile } from './completion-table.ts'

/** Completions for fish, with the summaries. */
export function fishCompletion(commands: readonly CliCommand[]): string {
  const points = completionPoints(commands)
  const known = points.map(({ words }) => words.join(' ')).filter(Boolean)
  return `# fish completion for slipway
function __slipway_at
    set -l at
    for word in (commandline -opc)[2..]
        switch (string join -- ' ' $at $word)
            case ${known.map(quoted).join(' ')}
                set -a at $word
        end
    end
    test (string join -- ' ' $at) = "$argv"
end
complete -c slipway -f
${points.flatMap(linesOf).join('\n')}
`
}

function linesOf({ words, next, command, options }: CompletionPoint): readonly string[] {
  const start = `complete -c slipway -n ${quoted(['__slipway_at', ...words].join(' '))}`
  return [
    ...next.map(([word, summary]) => `${start} -a ${quoted(word)} -d ${quoted(summary)}`),
    ...(command?.arguments?.some(({ name }) => takesFile(name)) ? [`${start} -F`] : []),
    ...Object.entries(options).map(([name, spec]) => `${start} ${optionOf(name, spec)}`),
  ]
}

function optionOf(name: string, { short, value, choices, summary }: OptionSpec): string {
  return [
    `-l ${name}`,
    short ? `-s ${short}` : '',
    value === undefined ? '' : takesFile(value) ? '-r -F' : '-x',
    choices ? `-a ${quoted(choices.join(' '))}` : '',
    `-d ${quoted(summary)}`,
  ]
    .filter(Boolean)
    .join(' ')
}

/** A word of a fish script: backslash and quote are the only special characters between quotes. */
function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
}
