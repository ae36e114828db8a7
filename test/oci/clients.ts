// SPDX-License-Identifier: AGPL-3.0-or-later
/** Stock clients, as a person runs them: each with a home of its own. */
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type GoToolName, goTool } from './go-tools.ts'
import type { Login } from './servers.ts'

export interface Ran {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export interface Clients {
  readonly home: string
  /** Runs to the end, whatever comes of it. */
  attempt(command: readonly string[], input?: string): Promise<Ran>
  /** Resolves with what it printed; throws what it complained of. */
  run(command: readonly string[], input?: string): Promise<string>
  /** A file below the home. Resolves with its path. */
  file(name: string, bytes: Uint8Array | string): Promise<string>
}

/** `go`: those of the tools that were built, whose names stand for their paths in a command. */
export async function createClients(
  home: string,
  go: readonly GoToolName[] = [],
): Promise<Clients> {
  await mkdir(home, { recursive: true })
  const paths = new Map<string, string>()
  for (const name of go) paths.set(name, await goTool(name))
  // They ask for the file before the first login too.
  await writeFile(join(home, 'auth.json'), '{}')
  // What the machine itself says of images and registries must not matter.
  const policy = join(home, '.config/containers/policy.json')
  await mkdir(dirname(policy), { recursive: true })
  await writeFile(policy, JSON.stringify({ default: [{ type: 'insecureAcceptAnything' }] }))
  const environment = {
    PATH: process.env['PATH'] ?? '',
    HOME: home,
    XDG_RUNTIME_DIR: home,
    DOCKER_CONFIG: join(home, '.docker'),
    REGISTRY_AUTH_FILE: join(home, 'auth.json'),
    TMPDIR: home,
  }
  const clients: Clients = {
    home,
    async attempt([name = '', ...args], input) {
      const child = Bun.spawn([paths.get(name) ?? name, ...args], {
        cwd: home,
        env: environment,
        stdin: input === undefined ? 'ignore' : Buffer.from(input),
        stdout: 'pipe',
        stderr: 'pipe',
      })
      const [code, stdout, stderr] = await Promise.all([
        child.exited,
        child.stdout.text(),
        child.stderr.text(),
      ])
      return { code, stdout: stdout.trim(), stderr: stderr.trim() }
    },
    async run(command, input) {
      const { code, stdout, stderr } = await clients.attempt(command, input)
      if (code === 0) return stdout
      throw new Error(`${command.join(' ')} ended with ${code}: ${stderr || stdout}`)
    },
    async file(name, bytes) {
      const path = join(home, name)
      await mkdir(dirname(path), { recursive: true })
      await writeFile(path, bytes)
      return path
    },
  }
  return clients
}

/** Flags of podman and buildah that keep them off the machine's own images. */
export const storeFlags = (home: string): readonly string[] => [
  ...['--root', join(home, 'images'), '--runroot', join(home, 'run')],
  ...['--storage-driver', 'vfs'],
]

/** How each client logs in; the password goes in by its standard input. */
export const loginCommands = (host: string, { name }: Login) => ({
  oras: ['oras', 'login', '--plain-http', '-u', name, '--password-stdin', host],
  crane: ['crane', 'auth', 'login', '-u', name, '--password-stdin', host],
  regctl: ['regctl', 'registry', 'login', '-u', name, '--pass-stdin', host],
  skopeo: ['skopeo', 'login', '--tls-verify=false', '-u', name, '--password-stdin', host],
  podman: ['podman', 'login', '--tls-verify=false', '-u', name, '--password-stdin', host],
  buildah: ['buildah', 'login', '--tls-verify=false', '-u', name, '--password-stdin', host],
})
