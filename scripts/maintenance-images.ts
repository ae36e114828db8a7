// SPDX-License-Identifier: AGPL-3.0-or-later
import { cp, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { run, say, sources } from './maintenance-parts.ts'

/** What is known of a build, on the medium and in the executable alike. */
export interface BuildIdentity {
  readonly schema: 'slipway.maintenance/1'
  readonly version: string
  readonly commit: string
  readonly commit_date: string
  /** Of the executable that runs on the machine. */
  readonly executable_sha256: string
  /** OCI reference or Debian suite that it was built over. */
  readonly base: string
}

/** A tar as an image in the local store. */
export async function imageOfTar(tar: string, name: string): Promise<string> {
  const container = await run(['buildah', 'from', 'scratch'])
  try {
    await run(['buildah', 'add', '--quiet', container, tar, '/'])
    await run(['buildah', 'config', '--cmd', '/sbin/init', container])
    await run(['buildah', 'commit', '--quiet', container, name])
  } finally {
    await run(['buildah', 'rm', container])
  }
  return name
}

async function built(containerfile: string, context: string, base: string, name: string) {
  // The only isolation that needs no cgroups of its own (builders are containers themselves); it
  // takes no other network. Nothing is fetched but what the Containerfile says for a base with dnf.
  const flags = ['--isolation', 'chroot', '--network', 'host', '--pull-never', '--squash']
  const file = join(sources, containerfile)
  const from = ['--build-arg', `BASE=${base}`]
  await run(['buildah', 'bud', ...flags, ...from, '--tag', name, '--file', file, context])
  return name
}

/** The maintenance OS: the base, our units and the executable. */
export async function osImage(
  { base, executable, identity }: ImageInputs,
  work: string,
): Promise<string> {
  say('the OS image: our files over the base, and its initramfs')
  const context = join(work, 'os')
  await mkdir(context)
  await cp(join(sources, 'rootfs'), join(context, 'rootfs'), { recursive: true })
  await cp(executable, join(context, 'slipway'))
  await writeFile(join(context, 'build.json'), `${JSON.stringify(identity, null, 2)}\n`)
  return built('Containerfile', context, base, `localhost/slipway-os:${identity.commit}`)
}

/** The tools, and the same executable: by digest the same file, so the medium holds it once. */
export async function toolsImage({ base, executable }: ImageInputs, work: string): Promise<string> {
  say('the tools image')
  const context = join(work, 'tools')
  await mkdir(context)
  await cp(executable, join(context, 'slipway'))
  return built('tools.Containerfile', context, base, 'localhost/slipway-tools:bound')
}

export interface ImageInputs {
  readonly base: string
  readonly executable: string
  readonly identity: BuildIdentity
}

/** An image's file system, mounted until the work on it ends. */
export async function mounted<T>(image: string, work: (folder: string) => Promise<T>): Promise<T> {
  const container = await run(['buildah', 'from', '--pull-never', image])
  try {
    return await work(await run(['buildah', 'mount', container]))
  } finally {
    await run(['buildah', 'umount', container])
    await run(['buildah', 'rm', container])
  }
}

/** Throws away what earlier builds left in the local store under our names. */
export async function forget(...images: readonly string[]): Promise<void> {
  for (const image of images) await run(['buildah', 'rmi', '--force', image]).catch(() => undefined)
}
