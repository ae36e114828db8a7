// SPDX-License-Identifier: AGPL-3.0-or-later
import { open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Subprocess } from 'bun'
import { sleep } from '../../core/retry.ts'
import { MINUTE, SECOND } from '../../core/units.ts'
import type { JobView } from '../../schemas/job.ts'
import { freePorts } from '../binary/executable.ts'
import { DIES_WITH_US } from './qemu.ts'

const READY_MS = MINUTE
/** Where QEMU's own network shows the host's loopback to its guest. */
export const HOST_AS_SEEN = '10.0.2.2'

/** `slipway serve` as a user runs it, which can be killed and started again at the same ports. */
export class Appliance implements AsyncDisposable {
  readonly url: string
  readonly #executable: string
  readonly #folder: string
  readonly #settings: readonly string[]
  #child: Subprocess | undefined
  #killed = false

  private constructor(executable: string, folder: string, ports: readonly number[]) {
    const [local = 0, field = 0, https = 0] = ports
    this.#executable = executable
    this.#folder = folder
    this.url = `http://127.0.0.1:${local}`
    this.#settings = [
      `server.local=127.0.0.1:${local}`,
      `server.bmc_http=127.0.0.1:${field}`,
      `server.https=127.0.0.1:${https}`,
      'server.bmc_https=',
      `server.names=${HOST_AS_SEEN}`,
      `report.base_url=https://${HOST_AS_SEEN}:${https}`,
    ].flatMap((setting) => ['--set', setting])
  }

  /** Its data and its log lie in the folder. */
  static async start(executable: string, folder: string): Promise<Appliance> {
    const appliance = new Appliance(executable, folder, await freePorts(3))
    await appliance.start()
    return appliance
  }

  /** It ended though nobody killed it. */
  get died(): boolean {
    const { exitCode = null, signalCode = null } = this.#child ?? {}
    return !this.#killed && (exitCode !== null || signalCode !== null)
  }

  get dataDir(): string {
    return join(this.#folder, 'data')
  }

  /** Resolves when it is ready. */
  async start(): Promise<void> {
    const log = join(this.#folder, 'appliance.log')
    // One log over all starts.
    await using file = await open(log, 'a')
    const child = Bun.spawn(
      [...DIES_WITH_US, this.#executable, 'serve', '--data', this.dataDir, ...this.#settings],
      { cwd: this.#folder, env: this.#environment(), stdio: ['ignore', file.fd, file.fd] },
    )
    this.#child = child
    this.#killed = false
    const deadline = performance.now() + READY_MS
    for (;;) {
      const ready = await fetch(`${this.url}/readyz`).catch(() => undefined)
      if (ready?.ok) return
      if (child.exitCode !== null || performance.now() > deadline) {
        const lines = (await readFile(log, 'utf8')).trim().split('\n').slice(-10)
        throw new Error(`the appliance did not start:\n${lines.join('\n')}`)
      }
      await sleep(50)
    }
  }

  /** From one moment to the next, as at a power cut. */
  async kill(): Promise<void> {
    this.#killed = true
    this.#child?.kill('SIGKILL')
    await this.#child?.exited
  }

  /** One command of the executable, which talks to this appliance; returns what it printed. */
  async command(...args: readonly string[]): Promise<string> {
    const child = Bun.spawn(
      [this.#executable, ...args, '--url', this.url, '--data', this.dataDir],
      { cwd: this.#folder, env: this.#environment(), stdio: ['ignore', 'pipe', 'pipe'] },
    )
    const [code, stdout, stderr] = await Promise.all([
      child.exited,
      child.stdout.text(),
      child.stderr.text(),
    ])
    if (code === 0) return stdout
    const said = (stdout + stderr).trimEnd().split('\n').slice(-10).join('\n')
    throw new Error(`slipway ${args.join(' ')} ended with ${code}: ${said}`)
  }

  async job(id: string): Promise<JobView> {
    const token = (await readFile(join(this.dataDir, 'admin.token'), 'utf8')).trim()
    const headers = { authorization: `Bearer ${token}` }
    const response = await fetch(`${this.url}/api/v1/jobs/${id}`, { headers })
    if (!response.ok) throw new Error(`${response.url} answered ${response.status}`)
    return (await response.json()) as JobView
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const child = this.#child
    child?.kill('SIGTERM')
    const timer = setTimeout(() => child?.kill('SIGKILL'), 5 * SECOND)
    await child?.exited
    clearTimeout(timer)
  }

  /** Settings and logins of an appliance that the caller has must not reach this one. */
  #environment() {
    const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('SLIPWAY_'))
    return { ...Object.fromEntries(inherited), TMPDIR: this.#folder }
  }
}
