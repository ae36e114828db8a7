// SPDX-License-Identifier: AGPL-3.0-or-later
/** For tests of the command line: it runs as a process of its own, against an API that a test plays. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { JobView } from '../../schemas/job.ts'

const MAIN = resolve(import.meta.dir, '../main.ts')

export interface Ended {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly stdin?: string
  readonly cwd?: string
}

/** The command that starts us, for tests that need a terminal around it. */
export const slipwayCommand = [process.execPath, MAIN] as const

/** Runs `slipway ARGS | READER` in bash; the code is that of slipway. */
export async function piped(args: readonly string[], reader: string): Promise<Ended> {
  const line = [...slipwayCommand, ...args].map((word) => `'${word}'`).join(' ')
  const child = Bun.spawn(['bash', '-c', `${line} | (${reader}); exit "\${PIPESTATUS[0]}"`], {
    env: cleanEnvironment(),
    stdout: 'pipe',
    stderr: 'pipe',
  })
  return endOf(child)
}

/** Runs `slipway ARGS` to its end. Nothing of this process's environment shines through. */
export async function slipway(args: readonly string[], options: RunOptions = {}): Promise<Ended> {
  const child = Bun.spawn([...slipwayCommand, ...args], {
    cwd: options.cwd ?? tmpdir(),
    env: cleanEnvironment(options.env),
    stdin: options.stdin === undefined ? 'ignore' : Buffer.from(options.stdin),
    stdout: 'pipe',
    stderr: 'pipe',
  })
  return endOf(child)
}

async function endOf(child: Bun.Subprocess<Bun.SpawnOptions.Writable, 'pipe', 'pipe'>) {
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ])
  return { code, stdout, stderr }
}

/** A home without profiles, and no settings of whoever runs the tests. */
export function cleanEnvironment(env: Readonly<Record<string, string>> = {}) {
  return {
    PATH: process.env['PATH'] ?? '',
    HOME: '/nonexistent',
    TZ: 'UTC',
    ...env,
  }
}

export interface Recorded {
  readonly method: string
  /** Path and query. */
  readonly path: string
  readonly headers: Headers
  readonly bytes: Uint8Array
  readonly text: string
}

export interface FakeApi extends Disposable {
  readonly url: string
  readonly requests: readonly Recorded[]
}

export type Answerer = (request: Recorded, count: number) => Response | Promise<Response> | unknown

/** An API that answers `METHOD /path` (query left out); anything else is a 404 of another kind. */
export function fakeApi(
  routes: Readonly<Record<string, Answerer>>,
  tls?: { key: string; cert: string },
): FakeApi {
  const requests: Recorded[] = []
  const counts = new Map<string, number>()
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    idleTimeout: 0,
    ...(tls ? { tls } : {}),
    async fetch(request) {
      const url = new URL(request.url)
      const bytes = await request.bytes()
      const recorded = {
        method: request.method,
        path: url.pathname + url.search,
        headers: request.headers,
        bytes,
        text: new TextDecoder().decode(bytes),
      }
      requests.push(recorded)
      const name = `${request.method} ${url.pathname}`
      const count = (counts.get(name) ?? 0) + 1
      counts.set(name, count)
      const route = routes[name]
      if (!route) return new Response('no such page', { status: 404 })
      const answer = await route(recorded, count)
      return answer instanceof Response ? answer : Response.json(answer)
    },
  })
  const url = `${tls ? 'https' : 'http'}://127.0.0.1:${server.port}`
  return { url, requests, [Symbol.dispose]: () => void server.stop(true) }
}

/** An error as the API gives it. */
export function refusal(status: number, error: string, code: string, more: object = {}): Response {
  const body = { error, code, message: `sentence of ${code}`, request_id: 'request-1', ...more }
  return Response.json(body, { status })
}

/** `event`, `data` and, counted from 1, `id`. */
export function eventStream(
  events: readonly (readonly [event: string, data: unknown])[],
  firstId = 1,
): Response {
  const text = events
    .map(
      ([event, data], at) =>
        `event: ${event}\nid: ${firstId + at}\ndata: ${JSON.stringify(data)}\n\n`,
    )
    .join('')
  return new Response(text, { headers: { 'content-type': 'text/event-stream' } })
}

export const JOB = '5b1c6a52-6c0e-4a53-9a0b-0f6b0f6b1c11'

/** A job as the API shows it, with what the test wants to be different. */
export function jobView(change: Partial<JobView> = {}): JobView {
  return {
    job_id: JOB,
    server_serial: 'XF-1',
    status: 'queued',
    task_target: 'install-linux.target',
    media: [],
    launches: 0,
    created_by: 'admin',
    created_at: '2026-03-01T10:00:00.000Z',
    last_update: '2026-03-01T10:00:00.000Z',
    ...change,
  }
}

/** A folder of the test's own that goes when the test ends. */
export async function temporaryFolder(): Promise<{ path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'slipway-cli-'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}
