// SPDX-License-Identifier: AGPL-3.0-or-later
import type { ProblemDocument } from './problem.ts'

type Env = Readonly<Record<string, string | undefined>>

/** Where a command writes: documents and lines to standard output, all else to standard error. */
export interface Output {
  /** `--json`: standard output carries documents only. */
  readonly json: boolean
  /** A terminal that can be drawn upon. */
  readonly live: boolean
  /** Escape sequences for colour are welcome. */
  readonly color: boolean
  /** Columns of the terminal now; undefined when lines may be as long as they like. */
  columns(): number | undefined
  /** One line for a person; nothing under `--json`. */
  print(line?: string): void
  /** One line on standard error. */
  note(line: string): void
  /** Bytes or text as they are. */
  raw(text: string): void
  /** A document of the API; only under `--json`. */
  document(value: unknown): void
  /** An answer: the document under `--json`, else the lines made from it. */
  answer<T>(value: T, lines: (value: T) => readonly string[]): void
  problem(document: ProblemDocument): void
}

/** Output on the process's own streams. */
export function standardOutput(json: boolean, env: Env): Output {
  const dumb = env['TERM'] === 'dumb'
  const live = process.stdout.isTTY === true && !dumb && !json
  const print = (line = '') => void (json || process.stdout.write(`${line}\n`))
  const note = (line: string) => void process.stderr.write(`${line}\n`)
  const raw = (text: string) => void process.stdout.write(text)
  const document = (value: unknown) => void (json && raw(`${JSON.stringify(value, null, 2)}\n`))
  return {
    json,
    live,
    // https://no-color.org: any value but the empty one.
    color: live && !env['NO_COLOR'],
    columns: () => (process.stdout.isTTY ? process.stdout.columns || 80 : undefined),
    print,
    note,
    raw,
    document,
    answer(value, lines) {
      document(value)
      if (!json) for (const line of lines(value)) print(line)
    },
    problem(problem) {
      note(`slipway: ${problem.message}`)
      for (const { field, message } of problem.details ?? []) {
        note(`  ${field && !message.includes(field) ? `${field}: ` : ''}${message}`)
      }
      if (problem.request_id) note(`  request ${problem.request_id}`)
      document(problem)
    },
  }
}
