// SPDX-License-Identifier: AGPL-3.0-or-later
/** Starts the built file as a user would. `scripts/build` makes it. */
import { randomInt } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { Subprocess } from 'bun'

export const root = resolve(import.meta.dir, '../..')

/** Path of the built file. Throws when there is none. */
export function executable(name = 'slipway'): string {
  const path = join(root, 'dist', name)
  if (!existsSync(path)) throw new Error(`dist/${name} is missing: run scripts/build first`)
  return path
}

/** A folder of its own, gone with everything in it at the end of the scope. */
export async function scratch(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'slipway-binary-'))
  return {
    path,
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }),
  }
}

/** Runs to the end. */
export async function run(
  command: readonly string[],
  options: { readonly cwd: string; readonly env?: Readonly<Record<string, string>> },
) {
  const child = Bun.spawn([...command], {
    cwd: options.cwd,
    env: options.env ?? {},
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [code, stdout, stderr] = await Promise.all([
    child.exited,
    child.stdout.text(),
    child.stderr.text(),
  ])
  return { code, stdout, stderr }
}

/** Below the ports that Linux gives to connections (32768 to 60999): none of them takes one of ours meanwhile. */
const [LOWEST_PORT, HIGHEST_PORT] = [15_000, 32_767]

/** Whether something can listen there. */
function isFree(port: number): Promise<boolean> {
  const server = createServer()
  return new Promise((done) => {
    server.once('error', () => done(false))
    server.listen(port, '127.0.0.1', () => server.close(() => done(true)))
  })
}

/** Ports that were free a moment ago, all different. */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>()
  while (ports.size < count) {
    const port = randomInt(LOWEST_PORT, HIGHEST_PORT + 1)
    if (await isFree(port)) ports.add(port)
  }
  return [...ports]
}

export interface Serving {
  readonly process: Subprocess
  /** Origins of the listeners. */
  readonly local: string
  readonly field: string
  readonly https: string
  /** From the start of the process to its first answer. */
  readonly readyMs: number
  /** SIGTERM, then the exit code. */
  stop(): Promise<number>
}

export interface ServeOptions {
  /** What stands before `serve`: the file, with an emulator or a chroot before it. */
  readonly command: readonly string[]
  /** Working folder; the log is written here. */
  readonly cwd: string
  /** As the process sees it. */
  readonly dataDir: string
  readonly env?: Readonly<Record<string, string>>
  /** `table.key=value`, beside the listeners. */
  readonly set?: readonly string[]
}

/** Starts `slipway serve` on free ports and waits until it is ready. The caller stops it. */
export async function startServe(options: ServeOptions): Promise<Serving> {
  const [local = 0, field = 0, https = 0, fieldTls = 0] = await freePorts(4)
  const listeners = {
    local: `127.0.0.1:${local}`,
    bmc_http: `127.0.0.1:${field}`,
    https: `127.0.0.1:${https}`,
    bmc_https: `127.0.0.1:${fieldTls}`,
  }
  const settings = [
    ...Object.entries(listeners).map(([key, listen]) => `server.${key}=${listen}`),
    ...(options.set ?? []),
  ].flatMap((setting) => ['--set', setting])
  const log = join(options.cwd, 'serve.log')
  const started = performance.now()
  const child = Bun.spawn([...options.command, 'serve', '--data', options.dataDir, ...settings], {
    cwd: options.cwd,
    env: options.env ?? {},
    stdio: ['ignore', Bun.file(log), Bun.file(log)],
  })
  let readyMs = 0
  try {
    await firstAnswer(`http://127.0.0.1:${local}/healthz`, child)
    readyMs = performance.now() - started
    // The listeners open first: what plugins serve answers 503 until they are open too.
    await firstAnswer(`http://127.0.0.1:${local}/readyz`, child)
  } catch (cause) {
    child.kill('SIGKILL')
    const tail = (await readFile(log, 'utf8')).split('\n').slice(-20).join('\n')
    throw new Error(`slipway serve does not answer; the end of its log:\n${tail}`, { cause })
  }
  return {
    process: child,
    local: `http://127.0.0.1:${local}`,
    field: `http://127.0.0.1:${field}`,
    https: `https://127.0.0.1:${https}`,
    readyMs,
    stop() {
      child.kill('SIGTERM')
      return child.exited
    },
  }
}

/** Emulated processors need most of it. */
const ANSWER_LIMIT_MS = 60_000

async function firstAnswer(url: string, child: Subprocess): Promise<void> {
  const end = performance.now() + ANSWER_LIMIT_MS
  while (performance.now() < end) {
    if (child.exitCode !== null) throw new Error(`it ended with code ${child.exitCode}`)
    const response = await fetch(url).catch(() => undefined)
    if (response?.ok) return
    await Bun.sleep(2)
  }
  throw new Error(`no answer within ${ANSWER_LIMIT_MS / 1_000} s`)
}

/** Resident memory of a process, in bytes. */
export async function residentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? Number.NaN) * 1_024
}
