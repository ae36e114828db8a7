// SPDX-License-Identifier: AGPL-3.0-or-later
import { Fault, type FaultDetail, sentence } from '../../core/faults.ts'
import { EXIT, exitOfStatus } from './exit.ts'

/** What went wrong, in the shape in which the API says it too. */
export interface ProblemDocument {
  readonly error: string
  readonly code: string
  /** One sentence with the remedy. */
  readonly message: string
  readonly details?: readonly FaultDetail[]
  readonly request_id?: string
}

/** Ends a command: the sentence goes to standard error, the number to the shell. */
export class CliProblem extends Error {
  readonly exit: number
  readonly document: ProblemDocument

  constructor(exit: number, document: ProblemDocument, options?: ErrorOptions) {
    super(document.message, options)
    this.name = 'CliProblem'
    this.exit = exit
    this.document = document
  }
}

/** A command line that cannot be understood. `hint` is the command whose help is offered. */
export function usageProblem(message: string, hint = 'slipway'): CliProblem {
  const sentence = `${message} (see \`${hint} --help\`)`
  return new CliProblem(EXIT.usage, { error: 'usage', code: 'cli.usage', message: sentence })
}

/** A file, a terminal or an answer that is not as needed. */
export function failure(code: string, message: string, cause?: unknown): CliProblem {
  const document = { error: 'failure', code: `cli.${code}`, message }
  return new CliProblem(EXIT.failure, document, cause === undefined ? {} : { cause })
}

/** Whoever read the output went away: nobody is left to be told. */
export function brokenPipe(cause: unknown): CliProblem {
  const document = { error: 'failure', code: 'cli.broken-pipe', message: 'the output was closed' }
  return new CliProblem(EXIT.brokenPipe, document, { cause })
}

/** Any error as a problem; what nobody foresaw keeps its own sentence. */
export function toProblem(error: unknown): CliProblem {
  if (error instanceof CliProblem) return error
  if (error instanceof Fault) {
    const { code, message, details, kind } = error
    const word = kind.word ?? 'failure'
    const document = { error: word, code, message, ...(details ? { details } : {}) }
    // Not the answer of anybody: the fault of a client that got none.
    const exit = word === 'unavailable' ? EXIT.unreachable : exitOfStatus(kind.status)
    return new CliProblem(exit, document, { cause: error })
  }
  const document = { error: 'failure', code: 'cli.unexpected', message: sentence(error) }
  return new CliProblem(EXIT.failure, document, { cause: error })
}
