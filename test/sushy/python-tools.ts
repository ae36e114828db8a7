// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdir, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'

/** Kept between runs: an installation takes half a minute. */
const CACHE = resolve(import.meta.dir, '../../node_modules/.cache/slipway-python')

/** Where a package's commands stand, or why they do not. */
export type PythonTools = { readonly bin: string } | { readonly missing: string }

async function failing(command: readonly string[]): Promise<string | undefined> {
  if (!Bun.which(command[0] ?? '')) return `there is no ${command[0]}`
  const child = Bun.spawn([...command], { stdio: ['ignore', 'ignore', 'pipe'] })
  const [code, errors] = await Promise.all([child.exited, child.stderr.text()])
  if (code === 0) return undefined
  const last = errors.trimEnd().split('\n').at(-1) ?? ''
  return `${command.slice(0, 4).join(' ')} ended with ${code}: ${last}`
}

/** Installs one release from PyPI into a virtual environment of its own, unless it is there. */
export async function pythonTools(name: string, version: string): Promise<PythonTools> {
  const folder = join(CACHE, `${name}-${version}`)
  const [bin, whole] = [join(folder, 'bin'), join(folder, 'whole')]
  if (await Bun.file(whole).exists()) return { bin }
  await rm(folder, { recursive: true, force: true })
  await mkdir(CACHE, { recursive: true })
  const pip = [join(bin, 'python'), '-m', 'pip', 'install', '--quiet', `${name}==${version}`]
  const missing = (await failing(['python3', '-m', 'venv', folder])) ?? (await failing(pip))
  if (missing) return { missing: `${name} ${version} can not be had: ${missing}` }
  await Bun.write(whole, '')
  return { bin }
}
