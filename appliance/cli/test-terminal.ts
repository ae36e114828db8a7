// SPDX-License-Identifier: AGPL-3.0-or-later
/** For tests: runs the command line at a terminal, and sees what a person would see. */
import { cleanEnvironment, slipwayCommand } from './test-bed.ts'

export interface TerminalOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly columns?: number
  readonly rows?: number
}

/** `slipway ARGS` at a pseudo-terminal. */
export class TestTerminal implements AsyncDisposable {
  /** All that was written, control sequences included. */
  written = ''
  readonly #process: Bun.Subprocess
  readonly #closed = Promise.withResolvers<void>()
  #wake = () => {}

  constructor(args: readonly string[], { env, columns = 80, rows = 24 }: TerminalOptions = {}) {
    const decoder = new TextDecoder()
    this.#process = Bun.spawn([...slipwayCommand, ...args], {
      env: cleanEnvironment({ TERM: 'xterm', ...env }),
      terminal: {
        cols: columns,
        rows,
        data: (_, bytes) => {
          this.written += decoder.decode(bytes, { stream: true })
          this.#wake()
        },
        exit: () => this.#closed.resolve(),
      },
    })
  }

  /** Waits until the person sees this. Fails with what was seen instead when the command ends first. */
  async until(pattern: RegExp): Promise<void> {
    let over = false
    this.#process.exited.then(() => {
      over = true
      this.#wake()
    })
    while (!pattern.test(this.written)) {
      if (over) throw new Error(`it ended without ${pattern}:\n${this.written}`)
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  type(keys: string): void {
    this.#process.terminal?.write(keys)
  }

  resize(columns: number, rows: number): void {
    this.#process.terminal?.resize(columns, rows)
  }

  /** The exit code, once all output was read. */
  async ended(): Promise<number> {
    const code = await this.#process.exited
    await this.#closed.promise
    return code
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill()
    await this.#process.exited
    this.#process.terminal?.close()
  }
}

/** The lines that stand on the screen after all that was written; no line may be broken by its edge. */
export function screenOf(written: string, columns: number): readonly string[] {
  const lines: string[] = ['']
  let row = 0
  let column = 0
  for (const token of written.match(/\p{Cc}\[\??[\d;]*[A-Za-z]|\r|\n|[^\p{Cc}]+/gu) ?? []) {
    const [, count = '', order = ''] = /^\p{Cc}\[\??([\d;]*)([A-Za-z])$/u.exec(token) ?? []
    if (token === '\r') column = 0
    else if (token === '\n') {
      row++
      lines[row] ??= ''
    } else if (order === 'A') row = Math.max(0, row - Number(count || 1))
    else if (order === 'J') {
      lines.length = row + 1
      lines[row] = (lines[row] ?? '').slice(0, column)
    } else if (order === 'K') lines[row] = (lines[row] ?? '').slice(0, column)
    else if (order === '') {
      const line = (lines[row] ?? '').padEnd(column)
      lines[row] = line.slice(0, column) + token + line.slice(column + token.length)
      column += token.length
      if (Bun.stringWidth(lines[row] ?? '') > columns) throw new Error(`too wide: ${lines[row]}`)
    }
  }
  return lines
}
