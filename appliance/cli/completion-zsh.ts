// SPDX-License-Identifier: AGPL-3.0-or-later
import type { OptionSpec } from '../../core/command.ts'
import type { CliCommand } from './command.ts'
import { type CompletionPoint, completionPoints, takesFile } from './completion-table.ts'

/** A completion function for zsh, with the summaries. */
export function zshCompletion(commands: readonly CliCommand[]): string {
  const points = completionPoints(commands)
  const known = points.map(({ words }) => words.join(' ')).filter(Boolean)
  return `#compdef slipway
_slipway() {
  local at="" word index count=1
  for (( index = 2; index < CURRENT; index++ )); do
    word="\${words[index]}"
    case "\${at:+$at }$word" in
      (${known.map(quoted).join('|')}) at="\${at:+$at }$word"; count=$index ;;
    esac
  done
  words=("\${words[1]}" "\${(@)words[count+1,-1]}")
  (( CURRENT -= count - 1 ))
  case "$at" in
${points.map(branch).join('\n')}
  esac
}
# Loaded from $fpath this file is the function itself; sourced it only registers it.
if [[ "\${funcstack[1]}" == _slipway ]]; then _slipway "$@"; else compdef _slipway slipway; fi
`
}

function branch({ words, next, command, options }: CompletionPoint): string {
  const specs = Object.entries(options).flatMap(([name, spec]) => optionSpecs(name, spec))
  const rest =
    next.length > 0
      ? [quoted(`1:command:((${next.map(([word, summary]) => member(word, summary)).join(' ')}))`)]
      : (command?.arguments ?? []).map(({ name, many }, index) =>
          quoted(`${many ? '*' : index + 1}:${escaped(name)}:${takesFile(name) ? '_files' : ' '}`),
        )
  const lines = [...specs, ...rest].map((spec) => `        ${spec}`)
  return `    (${quoted(words.join(' '))})\n      _arguments -s ${['', ...lines].join(' \\\n')}\n      ;;`
}

function optionSpecs(name: string, { short, value, choices, repeat, summary }: OptionSpec) {
  const argument =
    value === undefined
      ? ''
      : `:${escaped(value)}:${choices ? `(${choices.join(' ')})` : takesFile(value) ? '_files' : ' '}`
  const text = `[${summary.replaceAll(/[[\]]/g, '\\$&').replaceAll(':', '\\:')}]${argument}`
  return [`--${name}`, ...(short ? [`-${short}`] : [])].map((option) =>
    quoted(`${repeat ? '*' : ''}${option}${text}`),
  )
}

const escaped = (text: string) => text.replaceAll(':', '\\:')

const member = (word: string, summary: string) =>
  `${escaped(word)}\\:"${summary.replaceAll(/["\\$`]/g, '\\$&').replaceAll(':', '\\:')}"`

/** A word of a shell script. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}
