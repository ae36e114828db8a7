// SPDX-License-Identifier: AGPL-3.0-or-later
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import {
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  statfs,
  utimes,
} from 'node:fs/promises'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'

const root = resolve(import.meta.dir, '../..')
const SUITE = 'trixie'
/** A file system is unpacked in memory where there is room: dpkg's syncs are slow on a disk. */
const ROOM_BYTES = 3_000_000_000
const LIMIT_MS = 600_000

/** Outside the tree, so that all checkouts share it; may be deleted. */
export const cacheFolder = join(
  process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'),
  'slipway/e2e',
)

export type Say = (what: string) => void

/** A program that could not do its part, with the end of what it said. */
export class ToolFailure extends Error {}

/** Runs a program to its end; returns what it wrote. */
export async function run(
  command: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const child = Bun.spawn([...command], {
    env: { ...process.env, LC_ALL: 'C.UTF-8', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: LIMIT_MS,
  })
  const [code, output, errors] = await Promise.all([
    child.exited,
    child.stdout.text(),
    child.stderr.text(),
  ])
  if (code === 0) return output.trim()
  const said = `${output}\n${errors}`.trim().split('\n').slice(-15).join('\n')
  throw new ToolFailure(`${command.slice(0, 3).join(' ')} … ended with ${code}:\n${said}`)
}

const digestOf = (...texts: readonly (string | Uint8Array)[]) => {
  const hash = createHash('sha256')
  for (const text of texts) hash.update(text).update('\0')
  return hash.digest('hex').slice(0, 16)
}

/** Other checkouts use theirs at the same time. */
const KEPT = 6

async function forgetOld(name: string): Promise<void> {
  const paths = (await readdir(cacheFolder))
    .filter((each) => each.startsWith(`${name}-`))
    .map((each) => join(cacheFolder, each))
  const ages = await Promise.all(
    paths.map(async (path) => ({ path, at: (await stat(path)).mtimeMs })),
  )
  for (const { path } of ages.toSorted((a, b) => b.at - a.at).slice(KEPT)) {
    await rm(path, { recursive: true, force: true })
  }
}

/** From the cache, or made now; of one name the newest few are kept. */
async function cached(
  name: string,
  digest: string,
  ending: string,
  say: Say,
  make: (path: string, work: string) => Promise<void>,
): Promise<string> {
  const path = join(cacheFolder, `${name}-${digest}${ending}`)
  if (existsSync(path)) {
    // The age that `forgetOld` goes by is that of the last use.
    await utimes(path, new Date(), new Date())
    return path
  }
  say(`${name}: not in the cache; making it takes a minute or two`)
  await mkdir(cacheFolder, { recursive: true })
  const work = await mkdtemp(join(cacheFolder, 'making-'))
  const started = performance.now()
  try {
    const made = join(work, `made${ending}`)
    await make(made, work)
    // Another checkout may have been quicker.
    await rename(made, path).catch((error: unknown) => {
      if (!existsSync(path)) throw error
    })
    await forgetOld(name)
  } finally {
    await rm(work, { recursive: true, force: true })
  }
  say(`${name}: made in ${((performance.now() - started) / 1_000).toFixed(0)} s, kept at ${path}`)
  return path
}

async function packagesOf(list: string): Promise<string> {
  const text = await readFile(join(import.meta.dir, list), 'utf8')
  return text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .join(',')
}

const COMMON = [
  ...['--mode=root', '--aptopt=APT::Install-Recommends "false"'],
  '--dpkgopt=path-exclude=/usr/share/{man,locale,info,doc}/*',
]

/** A folder with QEMU 10 and its firmware: packages unpacked, none of them set up. */
export async function qemuTree(say: Say): Promise<string> {
  const packages = await packagesOf('packages.qemu')
  return cached('qemu', digestOf(packages, SUITE), '', say, async (made) => {
    const flags = [...COMMON, '--variant=extract', '--format=directory', `--include=${packages}`]
    await run(['mmdebstrap', ...flags, SUITE, made])
    await rm(join(made, 'dev'), { recursive: true, force: true })
  })
}

/** The root file system that is laid down, as a tar.zst. */
export async function nodeImage(say: Say): Promise<string> {
  const packages = await packagesOf('packages.node')
  const flags = [...COMMON, '--variant=apt', '--format=tar', '--skip=essential/unlink']
  flags.push('--dpkgopt=force-unsafe-io')
  return cached(
    'node',
    digestOf(packages, SUITE, ...flags),
    '.tar.zst',
    say,
    async (made, work) => {
      const tar = join(work, 'node.tar')
      const { bavail, bsize } = await statfs('/dev/shm')
      const env = bavail * bsize > ROOM_BYTES ? { TMPDIR: '/dev/shm' } : {}
      await run(['mmdebstrap', ...flags, `--include=${packages}`, SUITE, tar], env)
      await run(['zstd', '-q', '-3', '-T0', tar, '-o', made])
    },
  )
}

/** What the maintenance ISO is made from, besides the executable. */
const ISO_SOURCES = 'appliance/maintenance/**/*'
const ISO_SCRIPTS = 'scripts/{build-maintenance,bound-store,debian-base,live-iso,maintenance-*}.ts'

/** The maintenance ISO with exactly this executable in it. */
export async function maintenanceIso(executable: string, say: Say): Promise<string> {
  const texts: (string | Uint8Array)[] = [await Bun.file(executable).bytes()]
  for (const pattern of [ISO_SOURCES, ISO_SCRIPTS]) {
    const paths = await Array.fromAsync(new Bun.Glob(pattern).scan({ cwd: root, dot: true }))
    for (const path of paths.toSorted()) texts.push(path, await Bun.file(join(root, path)).bytes())
  }
  return cached('maintenance', digestOf(...texts), '.iso', say, async (made) => {
    const flags = ['maintenance', '--executable', executable, '--out', made]
    await run([join(root, 'scripts/build'), ...flags])
  })
}
