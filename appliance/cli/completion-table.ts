// SPDX-License-Identifier: AGPL-3.0-or-later
import type { OptionSpecs } from '../../core/command.ts'
import { startsWith } from './arguments.ts'
import { type CliCommand, COMMON_OPTIONS } from './command.ts'

/** What can follow some words of a command line. */
export interface CompletionPoint {
  /** Empty for `slipway` alone. */
  readonly words: readonly string[]
  /** Next words, with their summaries. */
  readonly next: readonly (readonly [word: string, summary: string])[]
  /** Of a whole command; undefined where more words are needed. */
  readonly command: CliCommand | undefined
  readonly options: OptionSpecs
}

/** Every place of a command line at which something can be completed. */
export function completionPoints(commands: readonly CliCommand[]): readonly CompletionPoint[] {
  const points = new Map<string, readonly string[]>()
  for (const { words } of commands) {
    for (let length = 0; length <= words.length; length++) {
      points.set(words.slice(0, length).join(' '), words.slice(0, length))
    }
  }
  return [...points.values()].map((words) => pointAt(words, commands))
}

function pointAt(words: readonly string[], commands: readonly CliCommand[]): CompletionPoint {
  const next = new Map<string, string>()
  for (const one of commands.filter((each) => startsWith(each.words, words))) {
    const word = one.words[words.length]
    if (word === undefined) continue
    const last = one.words.length === words.length + 1
    // A word that only groups others says which.
    const summary = last
      ? one.summary
      : [next.get(word), one.words.at(-1)].filter(Boolean).join(', ')
    next.set(word, summary)
  }
  const command = commands.find(
    (one) => one.words.length === words.length && startsWith(one.words, words),
  )
  // A command that reads its own options tells them to nobody.
  const options = command?.raw ? {} : { ...command?.options, ...COMMON_OPTIONS }
  return { words, next: [...next], command, options }
}

/** Does this option or argument take the name of a file? */
export const takesFile = (placeholder: string | undefined) => placeholder === 'FILE'
