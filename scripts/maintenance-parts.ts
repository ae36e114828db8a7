// SPDX-License-Identifier: AGPL-3.0-or-later
import { createHash } from 'node:crypto'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'

export const root = resolve(import.meta.dir, '..')
/** Containerfiles, package lists and the files laid over the base. */
export const sources = join(root, 'appliance/maintenance')

/** What two builds share: base file systems by their package lists. Outside the tree, may be deleted. */
export const cacheFolder = join(
  process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'),
  'slipway/maintenance',
)

export const say = (what: string) => console.error(`maintenance: ${what}`)

/** What is missing or wrong on this machine, said to whoever builds. */
export class BuildProblem extends Error {}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
}

/** Runs a program to its end and gives what it wrote; throws with the end of its talk when it fails. */
export async function run(command: readonly string[], options: RunOptions = {}): Promise<string> {
  const child = Bun.spawn([...command], {
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    env: { ...process.env, LC_ALL: 'C.UTF-8', ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [code, output, errors] = await Promise.all([
    child.exited,
    child.stdout.text(),
    child.stderr.text(),
  ])
  if (code === 0) return output.trim()
  const said = `${output}\n${errors}`.trim().split('\n').slice(-25).join('\n')
  throw new BuildProblem(`${command.slice(0, 4).join(' ')} … ended with ${code}:\n${said}`)
}

/** One word of a text, for names in the cache. */
export const digestOf = (...texts: readonly string[]) =>
  createHash('sha256').update(texts.join('\0')).digest('hex').slice(0, 16)

/** Names of a list, comments left out. */
export async function packagesOf(list: string): Promise<readonly string[]> {
  const text = await Bun.file(join(sources, list)).text()
  return text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
}
