// SPDX-License-Identifier: AGPL-3.0-or-later
/** Clients and registries that are written in Go: built once, kept outside of the tree. */
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'

interface GoTool {
  readonly module: string
  readonly version: string
  /** Of the command, below the module; '': the module itself. */
  readonly path: string
}

export const GO_TOOLS = {
  crane: {
    module: 'github.com/google/go-containerregistry',
    version: 'v0.22.1',
    path: 'cmd/crane',
  },
  regctl: { module: 'github.com/regclient/regclient', version: 'v0.11.7', path: 'cmd/regctl' },
  oras: { module: 'oras.land/oras', version: 'v1.3.3', path: 'cmd/oras' },
  olareg: { module: 'github.com/olareg/olareg', version: 'v0.1.2', path: 'cmd/olareg' },
  distribution: {
    module: 'github.com/distribution/distribution/v3',
    version: 'v3.1.2',
    path: 'cmd/registry',
  },
  /** The distribution specification's own suite: its main branch of 2026-08-31. */
  conformance: {
    module: 'github.com/opencontainers/distribution-spec/conformance',
    version: 'v0.0.0-20260831232431-97274622c111',
    path: '',
  },
} as const satisfies Readonly<Record<string, GoTool>>

export type GoToolName = keyof typeof GO_TOOLS

const cache = () =>
  join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'slipway', 'go-tools')

/** Built before, or there is a Go to build it with. */
export const goToolAvailable = (name: GoToolName): boolean =>
  existsSync(builtPath(name)) || Bun.which('go') !== null

const builtPath = (name: GoToolName) => join(cache(), `${name}-${GO_TOOLS[name].version}`)

/**
 * Path of the tool, which is built when it is not there: minutes, when nothing is cached. The exact
 * version is asked for by a module of our own: `go install` refuses the version lists of some.
 * Throws with what Go said.
 */
export async function goTool(name: GoToolName): Promise<string> {
  const built = builtPath(name)
  if (existsSync(built)) return built
  const { module, version, path } = GO_TOOLS[name]
  await mkdir(cache(), { recursive: true })
  const folder = await mkdtemp(join(cache(), `.${name}-`))
  try {
    await writeFile(
      join(folder, 'go.mod'),
      `module slipway.test/${name}\n\ngo 1.24\n\nrequire ${module} ${version}\n`,
    )
    const command = path === '' ? module : `${module}/${path}`
    const child = Bun.spawn(['go', 'build', '-mod=mod', '-o', 'built', command], {
      cwd: folder,
      env: { ...process.env, CGO_ENABLED: '0', GOTOOLCHAIN: 'local' },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const [code, said] = [await child.exited, await child.stderr.text()]
    if (code !== 0) throw new Error(`go build of ${module} ${version} ended with ${code}: ${said}`)
    // Another process may have been quicker: both built the same.
    await rename(join(folder, 'built'), built)
    return built
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
