// SPDX-License-Identifier: AGPL-3.0-or-later
import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { Subprocess } from 'bun'

export const executable = resolve(import.meta.dir, '../dist/slipway')

/** What went wrong, and the end of what the part that failed had to say. */
export class DemoFailure extends Error {
  readonly lastLines: string

  constructor(message: string, lastLines: string) {
    super(message)
    this.lastLines = lastLines
  }
}

/** Settings and logins of an appliance that the caller has must not reach the demo's. */
function environment(folder: string) {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('SLIPWAY_'))
  return { ...Object.fromEntries(inherited), TMPDIR: folder }
}

const lastLines = (text: string) => text.trimEnd().split('\n').slice(-25).join('\n')

/** A running part of the demo: `dist/slipway` with some arguments, in a process group of its own. */
export class Part implements AsyncDisposable {
  readonly name: string
  readonly process: Subprocess
  readonly #folder: string

  constructor(name: string, folder: string, args: readonly string[]) {
    this.name = name
    this.#folder = folder
    this.process = Bun.spawn([executable, ...args], {
      cwd: folder,
      env: environment(folder),
      // Files, not pipes: with --keep the part outlives us.
      stdio: ['ignore', Bun.file(this.stdoutFile), Bun.file(this.logFile)],
      detached: true,
    })
  }

  get stdoutFile(): string {
    return join(this.#folder, `${this.name}.out`)
  }

  get logFile(): string {
    return join(this.#folder, `${this.name}.log`)
  }

  /** Both channels: the appliance logs to stdout, an error of the start goes to stderr. */
  async failure(message: string): Promise<DemoFailure> {
    const texts = await Promise.all(
      [this.stdoutFile, this.logFile].map((file) => readFile(file, 'utf8')),
    )
    return new DemoFailure(`${this.name}: ${message}`, lastLines(texts.filter(Boolean).join('\n')))
  }

  async stillRuns(): Promise<void> {
    const { exitCode } = this.process
    if (exitCode !== null) throw await this.failure(`ended with code ${exitCode}`)
  }

  /** Asks until there is an answer. Throws when the part has ended or the limit is over. */
  async until<T>(limitMs: number, ask: () => Promise<T | undefined>): Promise<T> {
    const end = performance.now() + limitMs
    for (;;) {
      const answer = await ask()
      if (answer !== undefined) return answer
      await this.stillRuns()
      if (performance.now() > end) throw await this.failure(`not ready after ${limitMs / 1_000} s`)
      await Bun.sleep(20)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.process.exitCode !== null) return
    this.process.kill('SIGTERM')
    const timer = setTimeout(() => process.kill(-this.process.pid, 'SIGKILL'), 5_000)
    await this.process.exited
    clearTimeout(timer)
  }
}

/** Runs one command of the executable to its end and returns what it printed. */
export async function command(folder: string, args: readonly string[]): Promise<string> {
  const child = Bun.spawn([executable, ...args], {
    cwd: folder,
    env: environment(folder),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [code, stdout, stderr] = await Promise.all([
    child.exited,
    child.stdout.text(),
    child.stderr.text(),
  ])
  if (code === 0) return stdout
  throw new DemoFailure(`slipway ${args.join(' ')} ended with ${code}`, lastLines(stdout + stderr))
}
