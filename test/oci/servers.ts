// SPDX-License-Identifier: AGPL-3.0-or-later
/** Registries as processes of their own: ours, and those it is measured beside. */
import { existsSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { executable, freePorts, root, startServe } from '../binary/executable.ts'
import { goTool } from './go-tools.ts'

export interface RegistryServer extends AsyncDisposable {
  readonly name: string
  /** `http://127.0.0.1:PORT`. */
  readonly origin: string
  /** The same by TLS with a certificate that nobody knows; undefined when there is none. */
  readonly secure?: string
  readonly pid: number
  /** Name and password; undefined when none is asked for. */
  readonly login?: Login
  readonly dataDir: string
  /** SIGTERM; resolves with the exit code. */
  stop(): Promise<number>
}

export interface Login {
  readonly name: string
  readonly password: string
}

export const basicOf = ({ name, password }: Login): string =>
  `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`

/** The built file when there is one and `built` asks for it, else the source under Bun. */
export const slipwayCommand = (built: boolean): readonly string[] =>
  built ? [executable()] : [process.execPath, join(root, 'appliance/main.ts')]

export const isBuilt = (): boolean => existsSync(join(root, 'dist/slipway'))

export interface ServerOptions {
  /** Made when missing; the data stay. */
  readonly dataDir: string
  readonly built?: boolean
  /** `table.key=value`. */
  readonly set?: readonly string[]
  /** What our own command is run under, as the same process: `env` with its words. */
  readonly under?: readonly string[]
  /** Asks for a login where it is a choice. */
  readonly login?: boolean
}

/** It answers before its store is open. */
async function ready(local: string): Promise<void> {
  const deadline = performance.now() + READY_MS
  for (;;) {
    const response = await fetch(`${local}/readyz`)
    if (response.ok) return
    if (performance.now() > deadline) throw new Error(`not ready: ${await response.text()}`)
    await Bun.sleep(10)
  }
}

const READY_MS = 20_000
const LOGIN: Login = { name: 'bench', password: 'correct horse bench' }

async function makeUser(local: string, dataDir: string): Promise<void> {
  const token = (await readFile(join(dataDir, 'admin.token'), 'utf8')).trim()
  const response = await fetch(`${local}/api/v1/users`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
    body: JSON.stringify({ ...LOGIN, role: 'admin' }),
  })
  // A second start on the same data finds the user there.
  if (response.status !== 201 && response.status !== 409) {
    throw new Error(`no user: ${response.status} ${await response.text()}`)
  }
}

/** The appliance, whole; its registry asks for the login. */
export async function startSlipway(options: ServerOptions): Promise<RegistryServer> {
  const { dataDir, built = isBuilt(), set = [], under = [] } = options
  await mkdir(dataDir, { recursive: true })
  const serving = await startServe({
    command: [...under, ...slipwayCommand(built)],
    cwd: dataDir,
    dataDir,
    env: { PATH: process.env['PATH'] ?? '', TMPDIR: dataDir },
    set,
  })
  await ready(serving.local)
  await makeUser(serving.local, dataDir)
  return {
    name: 'slipway',
    origin: serving.local,
    secure: serving.https,
    pid: serving.process.pid,
    login: LOGIN,
    dataDir,
    stop: () => serving.stop(),
    [Symbol.asyncDispose]: async () => {
      serving.process.kill('SIGKILL')
      await serving.process.exited
    },
  }
}

/** Starts a process and waits until its registry answers. */
async function startOther(
  name: string,
  command: readonly string[],
  { port, dataDir, login }: { port: number; dataDir: string; login?: Login },
): Promise<RegistryServer> {
  const log = Bun.file(join(dataDir, `${name}.log`))
  const child = Bun.spawn([...command], {
    cwd: dataDir,
    env: { PATH: process.env['PATH'] ?? '', OTEL_TRACES_EXPORTER: 'none' },
    stdio: ['ignore', log, log],
  })
  const origin = `http://127.0.0.1:${port}`
  const deadline = performance.now() + READY_MS
  for (;;) {
    const answer = await fetch(`${origin}/v2/`).catch(() => undefined)
    if (answer) break
    if (child.exitCode !== null || performance.now() > deadline) {
      child.kill('SIGKILL')
      throw new Error(`${name} does not answer: ${await log.text()}`)
    }
    await Bun.sleep(10)
  }
  return {
    ...{ name, origin, pid: child.pid, dataDir },
    ...(login ? { login } : {}),
    stop: () => {
      child.kill('SIGTERM')
      return child.exited
    },
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL')
      await child.exited
    },
  }
}

export async function startOlareg({ dataDir }: ServerOptions): Promise<RegistryServer> {
  const [port = 0] = await freePorts(1)
  const files = join(dataDir, 'files')
  await mkdir(files, { recursive: true })
  const flags = ['--addr', '127.0.0.1', '--port', `${port}`, '--dir', files]
  const command = [await goTool('olareg'), 'serve', ...flags, '--api-delete', '--api-blob-delete']
  return startOther('olareg', command, { port, dataDir })
}

/** Distribution's configuration: files, deletes, no traces, and bcrypt at its usual cost. */
async function startDistributionLike(
  name: string,
  command: string,
  { dataDir, login = false }: ServerOptions,
): Promise<RegistryServer> {
  const [port = 0] = await freePorts(1)
  const files = join(dataDir, 'files')
  await mkdir(files, { recursive: true })
  const config: Record<string, unknown> = {
    version: '0.1',
    log: { level: 'error', accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: files }, delete: { enabled: true } },
    http: { addr: `127.0.0.1:${port}`, secret: 'not secret' },
  }
  if (login) {
    const path = join(dataDir, 'htpasswd')
    const hash = await Bun.password.hash(LOGIN.password, { algorithm: 'bcrypt', cost: 10 })
    await writeFile(path, `${LOGIN.name}:${hash}\n`)
    config['auth'] = { htpasswd: { realm: 'peer', path } }
  }
  const file = join(dataDir, 'config.yml')
  await writeFile(file, JSON.stringify(config))
  const parts = { port, dataDir, ...(login ? { login: LOGIN } : {}) }
  return startOther(name, [command, 'serve', file], parts)
}

/** Distribution v3. */
export const startDistribution = async (options: ServerOptions): Promise<RegistryServer> =>
  startDistributionLike('distribution', await goTool('distribution'), options)

/** Debian's docker-registry, which is distribution 2.8. */
export const startDockerRegistry = (options: ServerOptions): Promise<RegistryServer> =>
  startDistributionLike('docker-registry', 'docker-registry', options)
