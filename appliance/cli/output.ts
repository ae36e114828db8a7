// SPDX-License-Identifier: AGPL-3.0-or-later
import { writeSync } from 'node:fs'
import type { CommandOutput } from '../../core/command.ts'
import { brokenPipe, failure, type ProblemDocument } from './problem.ts'

type Env = Readonly<Record<string, string | undefined>>

/** What every command writes to, and the problem that ends one. */
export interface Output extends CommandOutput {
  problem(document: ProblemDocument): void
}

/** SGR numbers: green, red, yellow. */
const COLORS: Readonly<Record<string, string>> = {
  succeeded: '32',
  failed: '31',
  error: '31',
  canceled: '33',
  warn: '33',
}

/** Names and messages come from controllers and machines: none of them may steer the terminal. */
export function printable(line: string): string {
  return line
    .replaceAll(/\r?\n|\t/g, ' ')
    .replaceAll(/\p{Cc}\[\d*m|\p{Cc}/gu, (found) => (found.startsWith('\x1b[') ? found : '?'))
}

const STDOUT = 1
const STDERR = 2
/** Between two attempts at a pipe that is full and does not block. */
const FULL_PAUSE_MS = 5

/**
 * Writes all of it before it returns: the streams of the process keep the rest of a large text in
 * memory, and lose it at exit. Throws when the reader went away or the disk is full.
 */
function write(descriptor: number, text: string): void {
  const bytes = Buffer.from(text, 'utf8')
  for (let at = 0; at < bytes.length; ) {
    try {
      at += writeSync(descriptor, bytes, at)
    } catch (cause) {
      const { code, message } = cause as NodeJS.ErrnoException
      if (code === 'EAGAIN') Bun.sleepSync(FULL_PAUSE_MS)
      else if (code === 'EPIPE') throw brokenPipe(cause)
      else throw failure('output', `the output cannot be written: ${message}`, cause)
    }
  }
}

/** Output on the process's own streams. */
export function standardOutput(json: boolean, env: Env): Output {
  const dumb = env['TERM'] === 'dumb'
  const live = process.stdout.isTTY === true && !dumb && !json
  // https://no-color.org: any value but the empty one.
  const color = live && !env['NO_COLOR']
  const raw = (text: string) => write(STDOUT, text)
  const print = (line = '') => void (json || raw(`${printable(line)}\n`))
  const note = (line: string) => write(STDERR, `${printable(line)}\n`)
  const document = (value: unknown) => void (json && raw(`${JSON.stringify(value, null, 2)}\n`))
  return {
    json,
    live,
    paint: (kind, text) => (color && COLORS[kind] ? `\x1b[${COLORS[kind]}m${text}\x1b[0m` : text),
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
        if (message === problem.message) continue
        note(`  ${field && !message.includes(field) ? `${field}: ` : ''}${message}`)
      }
      if (problem.request_id) note(`  request ${problem.request_id}`)
      document(problem)
    },
  }
}
