// SPDX-License-Identifier: AGPL-3.0-or-later
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { sentence } from '../../core/faults.ts'
import { sleep } from '../../core/retry.ts'
import { MINUTE } from '../../core/units.ts'

/** How a command ended. */
export interface Ran {
  /** 127 when there is no such program, 128 and the signal when one killed it, as a shell says it. */
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  /** Given on standard input. */
  readonly input?: string
  /** Then it is killed; a minute unless given. */
  readonly timeoutMs?: number
}

/** The machine under the dispatcher and its steps: files, programs, clock. Tests lay another one below. */
export interface MachineOs {
  /** What stands before every path; empty on a machine. */
  readonly root: string
  readonly isRoot: boolean
  readonly env: Readonly<Record<string, string | undefined>>
  /** Unix ms; may be years off, and is set. */
  now(): number
  /** Ms of a clock that nobody sets: for whatever lasts. */
  elapsed(): number
  pause(ms: number, signal?: AbortSignal): Promise<void>
  /** Never throws: what does not start ends with 127. */
  run(command: readonly string[], options?: RunOptions): Promise<Ran>
}

/** Where a path of the machine is. */
export const at = (os: Pick<MachineOs, 'root'>, path: string): string =>
  os.root === '' ? path : join(os.root, path)

/** A file of the kernel as trimmed text; empty when there is none. */
export async function kernelText(os: Pick<MachineOs, 'root'>, path: string): Promise<string> {
  try {
    return (await readFile(at(os, path), 'utf8')).replaceAll('\0', '').trim()
  } catch {
    // Sysfs and DMI leave out what the board does not tell.
    return ''
  }
}

async function run(command: readonly string[], options: RunOptions = {}): Promise<Ran> {
  try {
    const child = Bun.spawn([...command], {
      stdin: options.input === undefined ? 'ignore' : new TextEncoder().encode(options.input),
      stdout: 'pipe',
      stderr: 'pipe',
      // Messages are read by programs here and by people far away.
      env: { ...process.env, LC_ALL: 'C' },
      timeout: options.timeoutMs ?? MINUTE,
      killSignal: 'SIGKILL',
    })
    const [stdout, stderr] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
      child.exited,
    ])
    const killed = child.signalCode === null ? undefined : 128
    return { code: killed ?? child.exitCode ?? 128, stdout, stderr }
  } catch (error) {
    return { code: 127, stdout: '', stderr: sentence(error) }
  }
}

/** The machine that this process runs on. */
export const thisMachine = (): MachineOs => ({
  root: '',
  isRoot: process.getuid?.() === 0,
  env: process.env,
  now: Date.now,
  elapsed: () => performance.now(),
  pause: sleep,
  run,
})
