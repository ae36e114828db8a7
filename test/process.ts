// SPDX-License-Identifier: AGPL-3.0-or-later
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { Answer } from './harness.ts'

const ROOT = resolve(import.meta.dir, '..')

/** A port that was free a moment ago: URLs on task ISOs must outlive a restart. */
export function freePort(): Promise<number> {
  return new Promise((found, failed) => {
    const server = createServer().once('error', failed)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => found(typeof address === 'object' && address ? address.port : 0))
    })
  })
}

/** An appliance as a process of its own, which can be ended in any way and started again. */
export interface ApplianceProcess extends AsyncDisposable {
  readonly dataDir: string
  readonly url: string
  /** Resolves once it says that it is ready. */
  start(env?: Readonly<Record<string, string>>): Promise<void>
  /** Resolves when the process has ended by itself; it can be started again then. */
  gone(): Promise<void>
  /** Resolves with the exit code, or the signal that ended it. */
  end(signal: 'SIGTERM' | 'SIGKILL'): Promise<number | string>
  send(
    method: string,
    path: string,
    body?: unknown,
    headers?: Readonly<Record<string, string>>,
  ): Promise<Answer>
  /** Polls until the job is as asked. */
  until(jobId: string, done: (job: Answer['body']) => boolean): Promise<Answer['body']>
}

const READY_MS = 15_000
const DONE_MS = 30_000

export interface ProcessOptions {
  /** Copied: the appliance begins with these data. */
  readonly dataFrom?: string
  /** Module that is loaded before the appliance. */
  readonly preload?: string
}

export async function applianceProcess(
  set: readonly string[] = [],
  { dataFrom, preload }: ProcessOptions = {},
): Promise<ApplianceProcess> {
  const dataDir = await mkdtemp(join(tmpdir(), 'slipway-process-'))
  if (dataFrom) await cp(dataFrom, dataDir, { recursive: true })
  const [api, local, bmc] = [await freePort(), await freePort(), await freePort()]
  const settings = [
    `server.https=127.0.0.1:${api}`,
    `server.local=127.0.0.1:${local}`,
    `server.bmc_http=127.0.0.1:${bmc}`,
    'server.bmc_https=',
    'redfish.poll_ms=20',
    ...set,
  ]
  const url = `http://127.0.0.1:${local}`
  let child: Bun.Subprocess<'ignore', 'pipe', 'pipe'> | undefined
  let output = ''

  const spawn = (env: Readonly<Record<string, string>>) =>
    Bun.spawn(
      [
        process.execPath,
        ...(preload ? ['--preload', preload] : []),
        join(ROOT, 'appliance/main.ts'),
        'serve',
        '--data',
        dataDir,
        ...settings.flatMap((each) => ['--set', each]),
      ],
      {
        stdio: ['ignore', 'pipe', 'pipe'],
        cwd: dataDir,
        env: { PATH: process.env['PATH'], ...env },
      },
    )

  const collect = async (stream: ReadableStream<Uint8Array>, ready?: () => void) => {
    const decoder = new TextDecoder()
    for await (const chunk of stream) {
      output += decoder.decode(chunk, { stream: true })
      if (output.includes('slipway is ready')) ready?.()
    }
  }

  const running: ApplianceProcess = {
    dataDir,
    url,
    async start(env = {}) {
      output = ''
      const started = spawn(env)
      child = started
      const errors = collect(started.stderr)
      await new Promise<void>((ready, failed) => {
        const late = setTimeout(() => failed(new Error(`not ready: ${output}`)), READY_MS)
        const said = () => {
          clearTimeout(late)
          ready()
        }
        void collect(started.stdout, said)
          .then(() => errors)
          .then(() => failed(new Error(output)))
      })
    },
    async gone() {
      await child?.exited
      child = undefined
    },
    async end(signal) {
      const ending = child
      if (!ending) throw new Error('it does not run')
      child = undefined
      ending.kill(signal)
      const code = await ending.exited
      return ending.signalCode ?? code
    },
    async send(method, path, body, headers) {
      const token = (await Bun.file(join(dataDir, 'admin.token')).text()).trim()
      const response = await fetch(`${url}${path}`, {
        method,
        headers: { Authorization: `Bearer ${token}`, ...headers },
        ...(body === undefined ? {} : { body: body instanceof Blob ? body : JSON.stringify(body) }),
      })
      return { status: response.status, headers: response.headers, body: await response.json() }
    },
    async until(jobId, done) {
      const deadline = performance.now() + DONE_MS
      for (;;) {
        const { body } = await running.send('GET', `/api/v1/jobs/${jobId}`)
        if (done(body)) return body
        if (performance.now() > deadline) {
          throw new Error(`job ${jobId} did not get there: ${JSON.stringify(body, null, 1)}`)
        }
        await Bun.sleep(25)
      }
    },
    async [Symbol.asyncDispose]() {
      child?.kill('SIGKILL')
      await child?.exited
      await rm(dataDir, { recursive: true, force: true })
    },
  }
  return running
}
