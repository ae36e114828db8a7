// SPDX-License-Identifier: AGPL-3.0-or-later
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { $ } from 'bun'

export interface BuildTarget {
  readonly outfile: string
  readonly bun: Bun.Build.CompileTarget
  /** CPU as npm calls it. */
  readonly cpu: string
  /** npm package that holds the runtime. */
  readonly runtime: string
  /** npm package that holds the database addon. */
  readonly addon: string
}

export const buildTargets: Readonly<Record<string, BuildTarget>> = {
  'linux-x64': {
    outfile: 'dist/slipway',
    bun: 'bun-linux-x64',
    cpu: 'x64',
    runtime: '@oven/bun-linux-x64',
    addon: '@libsql/linux-x64-gnu',
  },
  'linux-arm64': {
    outfile: 'dist/slipway-linux-arm64',
    bun: 'bun-linux-arm64',
    cpu: 'arm64',
    runtime: '@oven/bun-linux-aarch64',
    addon: '@libsql/linux-arm64-gnu',
  },
}

interface Locked {
  readonly packages: Readonly<
    Record<string, { readonly version: string; readonly integrity: string }>
  >
}

/**
 * Files of the target that are not JavaScript. What npm did not install, because it is for another CPU,
 * is fetched once into a cache: of the version, and with the hash, that our lock file has.
 */
export async function targetFiles(root: string, target: BuildTarget) {
  const addonFile = `node_modules/${target.addon}/index.node`
  if (target.cpu === process.arch) {
    // npm's postinstall script moves the native runtime away from its package: we run on it
    return { runtime: process.execPath, addon: join(root, addonFile) }
  }
  const lock = await readLock(join(root, 'package-lock.json'))
  const wanted = [target.runtime, target.addon].map((name) => {
    const entry = lock.packages[`node_modules/${name}`]
    if (!entry) throw new Error(`package-lock.json does not know ${name}`)
    return { ...entry, name, spec: `${name}@${entry.version}` }
  })
  const versions = wanted.map(({ version }) => version).join('-')
  const cache = join(root, 'node_modules/.cache/slipway', `${target.cpu}-${versions}`)
  if (!existsSync(cache)) await fetchInto(cache, wanted)
  return {
    runtime: join(cache, 'node_modules', target.runtime, 'bin/bun'),
    addon: join(cache, addonFile),
  }
}

const readLock = (path: string) => Bun.file(path).json() as Promise<Locked>

/** The folder stands under its name only when all in it is what the lock file says. */
async function fetchInto(
  cache: string,
  wanted: readonly { readonly name: string; readonly spec: string; readonly integrity: string }[],
): Promise<void> {
  const specs = wanted.map(({ spec }) => spec)
  console.error(`fetching ${specs.join(' and ')} from npm`)
  await mkdir(dirname(cache), { recursive: true })
  const temporary = await mkdtemp(`${cache}-`)
  try {
    // npm 9 of Debian 12 knows no --cpu: --force takes packages of another one
    const flags = ['--force', '--no-save', '--ignore-scripts', '--no-audit', '--no-fund']
    await $`npm install --prefix ${temporary} ${flags} ${specs}`.quiet()
    const got = await readLock(join(temporary, 'node_modules/.package-lock.json'))
    for (const { name, spec, integrity } of wanted) {
      if (got.packages[`node_modules/${name}`]?.integrity === integrity) continue
      throw new Error(`${spec} from npm is not the one of package-lock.json`)
    }
    await rename(temporary, cache)
  } finally {
    await rm(temporary, { recursive: true, force: true })
  }
}
