// SPDX-License-Identifier: AGPL-3.0-or-later
import { existsSync } from 'node:fs'
import { copyFile, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
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

/**
 * Files of the target that are not JavaScript. What npm did not install, because it is for another CPU,
 * is fetched once into a cache, by the same lock file: what is embedded was checked by its hash.
 */
export async function targetFiles(root: string, target: BuildTarget) {
  const cache = join(root, 'node_modules/.cache/slipway', target.cpu)
  const native = target.cpu === process.arch
  const files = {
    // npm's postinstall script moves the native runtime away from its package: we run on it
    runtime: native ? process.execPath : join(cache, 'node_modules', target.runtime, 'bin/bun'),
    addon: join(native ? root : cache, 'node_modules', target.addon, 'index.node'),
  }
  const missing = () => Object.values(files).filter((file) => !existsSync(file))
  if (!native && missing().length > 0) {
    console.error(`fetching the runtime and the database addon for ${target.cpu} from npm`)
    await mkdir(cache, { recursive: true })
    for (const name of ['package.json', 'package-lock.json']) {
      await copyFile(join(root, name), join(cache, name))
    }
    const platform = ['--os=linux', `--cpu=${target.cpu}`, '--libc=glibc']
    await $`npm ci ${platform} --omit=dev --ignore-scripts --no-audit --no-fund`.cwd(cache).quiet()
  }
  if (missing().length > 0) throw new Error(`npm did not bring ${missing().join(' and ')}`)
  return files
}
