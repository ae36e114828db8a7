// SPDX-License-Identifier: AGPL-3.0-or-later
import type { CliCommand } from './command.ts'
import { type CompletionPoint, completionPoints, takesFile } from './completion-table.ts'

/** A completion function for bash 4 and newer; needs no bash-completion package. */
export function bashCompletion(commands: readonly CliCommand[]): string {
  const points = completionPoints(commands)
  const known = points.map(({ words }) => words.join(' ')).filter(Boolean)
  return `# bash completion for slipway
_slipway() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" prev="\${COMP_WORDS[COMP_CWORD-1]}" at="" word
  COMPREPLY=()
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "\${at:+$at }$word" in
      ${known.map((words) => `'${words}'`).join(' | ')}) at="\${at:+$at }$word" ;;
    esac
  done
  local words="" options="" files=""
  case "$at" in
${points.map(branch).join('\n')}
  esac
  case "$at:$prev" in
${points.flatMap(valueBranches).join('\n')}
  esac
  if [[ $cur == -* ]]; then
    COMPREPLY=($(compgen -W "$options" -- "$cur"))
  elif [[ -n $files ]]; then
    COMPREPLY=($(compgen -f -- "$cur"))
  else
    COMPREPLY=($(compgen -W "$words" -- "$cur"))
  fi
}
complete -o filenames -F _slipway slipway
`
}

function branch({ words, next, command, options }: CompletionPoint): string {
  const names = Object.entries(options).flatMap(([name, { short }]) =>
    short ? [`--${name}`, `-${short}`] : [`--${name}`],
  )
  const files = command?.arguments?.some(({ name }) => takesFile(name)) ? ' files=1' : ''
  const nextWords = next.map(([word]) => word).join(' ')
  return `    '${words.join(' ')}') words="${nextWords}" options="${names.join(' ')}"${files} ;;`
}

/** After an option with a value: its choices, files, or nothing that we know. */
function valueBranches({ words, options }: CompletionPoint): readonly string[] {
  return Object.entries(options)
    .filter(([, { value }]) => value !== undefined)
    .map(([name, { short, value, choices }]) => {
      const at = words.join(' ')
      const patterns = [`'${at}:--${name}'`, ...(short ? [`'${at}:-${short}'`] : [])].join(' | ')
      const files = takesFile(value) ? '1' : ''
      return `    ${patterns}) words="${choices?.join(' ') ?? ''}" options="" files="${files}" ;;`
    })
}
