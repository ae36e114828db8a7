// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Makes the maintenance ISO. `scripts/build maintenance [--base IMAGE] [--tools-base IMAGE] [--executable FILE]
 * [--out FILE] [--fresh] [--check-reproducible]`. Without `--base` it is built over Debian packages alone.
 */
import { existsSync } from 'node:fs'
import { cp, mkdir, mkdtemp, rename, rm, statfs } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import * as v from 'valibot'
import { Version } from '../schemas/version.ts'
import { BOUND_STORE, bindImage } from './bound-store.ts'
import { debianBase, debianTools } from './debian-base.ts'
import { writeLiveIso } from './live-iso.ts'
import { ImageStore, osImage, toolsImage } from './maintenance-images.ts'
import { BuildProblem, cacheFolder, root, run, say } from './maintenance-parts.ts'
import { checkReproducible, executableOf } from './reproducible.ts'

const NEEDED_BYTES = 5_000_000_000

const { values } = parseArgs({
  options: {
    base: { type: 'string' },
    'tools-base': { type: 'string' },
    executable: { type: 'string', default: 'dist/slipway' },
    out: { type: 'string', default: 'dist/maintenance.iso' },
    fresh: { type: 'boolean', default: false },
    'check-reproducible': { type: 'boolean', default: false },
  },
})

const executable = resolve(root, values.executable)
const out = resolve(root, values.out)

/** Everything that can be known to go wrong, before anything is begun. */
async function check(): Promise<void> {
  if (process.getuid?.() !== 0)
    throw new BuildProblem('building an OS needs root: mounts, owners and devices are real here')
  if (process.arch !== 'x64') throw new BuildProblem('the medium is built on x86-64 only')
  if (!existsSync(executable))
    throw new BuildProblem(`there is no ${executable}: scripts/build makes it`)
  await mkdir(cacheFolder, { recursive: true })
  for (const folder of new Set([cacheFolder, dirname(out)])) {
    await mkdir(folder, { recursive: true })
    const { bavail, bsize } = await statfs(folder)
    if (bavail * bsize >= NEEDED_BYTES) continue
    throw new BuildProblem(`${folder} has less than ${NEEDED_BYTES / 1e9} GB free`)
  }
  for (const image of [values.base, values['tools-base']]) {
    if (image !== undefined) await run(['buildah', 'inspect', '--type', 'image', image])
  }
}

const versionOf = async (program: string) =>
  v.parse(Version, JSON.parse(await run([program, 'version', '--json'])))

async function identity(base: string) {
  const digest = new Bun.CryptoHasher('sha256').update(await Bun.file(executable).bytes())
  return {
    schema: 'slipway.maintenance/1' as const,
    // The executable's own, not the tree's of this moment: the ISO belongs to it.
    ...(await versionOf(executable)),
    executable_sha256: digest.digest('hex'),
    base,
  }
}

/** Seconds since 1970 of the commit: a fact of the sources, not of the clock. */
const epochOf = (commitDate: string) =>
  Math.floor((commitDate === '' ? 0 : Date.parse(commitDate)) / 1_000)

async function build(work: string): Promise<void> {
  const build = await identity(values.base ?? 'debian:trixie')
  const epoch = epochOf(build.commit_date)
  await using images = new ImageStore(work, epoch)
  const own = (image: string | undefined, tar: () => Promise<string>, name: string) =>
    image === undefined ? tar().then((path) => images.ofTar(path, name)) : images.ofMachine(image)
  const base = await own(values.base, () => debianBase(values.fresh), 'localhost/slipway-base')
  const toolsBase = await own(
    values['tools-base'],
    () => debianTools(values.fresh),
    'localhost/slipway-tools-base',
  )
  const inputs = { store: images, executable, identity: build }
  const os = await osImage({ ...inputs, base }, work)
  const tools = await toolsImage({ ...inputs, base: toolsBase }, work)
  const store = join(work, 'store')
  await bindImage(tools, images.reference(tools), store, epoch)
  await images.mounted(os, async (folder) => {
    const files = new Map([
      ['slipway.json', `${JSON.stringify(build, null, 2)}\n`],
      ['packages.txt', `${await packagesIn(folder)}\n`],
    ])
    await writeLiveIso(`${out}.part`, { os: folder, store, epoch, files, work })
  })
  await rename(`${out}.part`, out)
}

/** Name and version of everything in the OS: what to look at when an advisory comes. */
const packagesIn = async (os: string) =>
  existsSync(join(os, 'var/lib/dpkg'))
    ? run(['dpkg-query', `--admindir=${os}/var/lib/dpkg`, '-W'])
    : run(['rpm', `--root=${os}`, '-qa'])

/** The commit's executable and ISO from two checkouts, each with a work folder elsewhere, over the same packages. */
async function checkedTwice(): Promise<boolean> {
  const tars = [await debianBase(values.fresh), await debianTools(values.fresh)]
  return await checkReproducible(root, {
    outfile: 'dist/maintenance.iso',
    async build(folder) {
      await executableOf('linux-x64').build(folder)
      const cache = join(folder, 'dist/cache')
      for (const tar of tars) await cp(tar, join(cache, 'slipway/maintenance', basename(tar)))
      const env = { XDG_CACHE_HOME: cache }
      await run([process.execPath, 'scripts/build-maintenance.ts'], { cwd: folder, env })
    },
  })
}

const started = performance.now()
try {
  await check()
  if (values['check-reproducible']) process.exit((await checkedTwice()) ? 0 : 1)
  const work = await mkdtemp(join(cacheFolder, 'build-'))
  try {
    await build(work)
  } finally {
    await run(['umount', join(work, 'store/overlay')]).catch(() => undefined)
    await rm(work, { recursive: true, force: true })
    await rm(`${out}.part`, { force: true })
  }
  const seconds = ((performance.now() - started) / 1_000).toFixed(0)
  const megabytes = (Bun.file(out).size / 1_000_000).toFixed(0)
  console.log(`${out}: ${megabytes} MB in ${seconds} s (tool images at ${BOUND_STORE})`)
} catch (error) {
  if (!(error instanceof BuildProblem)) throw error
  say(error.message)
  process.exit(1)
}
