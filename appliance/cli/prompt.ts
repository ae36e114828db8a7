// SPDX-License-Identifier: AGPL-3.0-or-later
import { EXIT } from './exit.ts'
import { CliProblem, usageProblem } from './problem.ts'

/** Is there a person to ask? Questions go to standard error, so that output can be piped. */
export function canAsk(): boolean {
  return process.stdin.isTTY === true && process.stderr.isTTY === true
}

/** A line that is not shown while it is typed. */
export function askHidden(question: string): Promise<string> {
  return ask(question, false)
}

/** Asks a yes-or-no question; anything but yes is no. */
export async function confirm(question: string): Promise<boolean> {
  return /^y(es)?$/i.test((await ask(`${question} [y/N] `, true)).trim())
}

/**
 * A new secret: from standard input when it is piped, else typed twice. Never from the command
 * line, where every process of the box could read it.
 */
export async function newSecret(what: string): Promise<string> {
  if (!canAsk()) {
    const line = (await Bun.stdin.text()).split(/\r?\n/, 1)[0] ?? ''
    if (line === '') throw usageProblem(`standard input holds no ${what}`)
    return line
  }
  const first = await askHidden(`New ${what}: `)
  const second = await askHidden(`Again: `)
  if (first !== second) throw usageProblem(`the two entries of the ${what} differ`)
  return first
}

/** Reads one line key by key: only so can the echo be ours. */
function ask(question: string, shown: boolean): Promise<string> {
  const { stdin, stderr } = process
  // Before the question: who types at once must not see it echoed.
  stdin.setRawMode(true)
  stderr.write(question)
  stdin.setEncoding('utf8')
  stdin.resume()
  return new Promise((resolve, reject) => {
    let typed = ''
    const finish = (end: () => void) => {
      stdin.off('data', onData)
      stdin.setRawMode(false)
      stdin.pause()
      stderr.write('\n')
      end()
    }
    const onData = (keys: string) => {
      for (const key of keys) {
        if (key === '\r' || key === '\n') return finish(() => resolve(typed))
        // Ctrl-C and Ctrl-D come as characters in raw mode.
        if (key === '\u0003' || key === '\u0004') return finish(() => reject(interrupted()))
        if (key === '\u007f' || key === '\b') {
          if (shown && typed !== '') stderr.write('\b \b')
          typed = [...typed].slice(0, -1).join('')
        } else if (key >= ' ') {
          typed += key
          if (shown) stderr.write(key)
        }
      }
    }
    stdin.on('data', onData)
  })
}

function interrupted(): CliProblem {
  const document = { error: 'interrupted', code: 'cli.interrupted', message: 'interrupted' }
  return new CliProblem(EXIT.interrupted, document)
}
