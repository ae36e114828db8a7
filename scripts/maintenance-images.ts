// SPDX-License-Identifier: AGPL-3.0-or-later
import { cp, mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { MaintenanceBuild } from '../schemas/maintenance-build.ts'
import { run, say, sources } from './maintenance-parts.ts'

/**
 * A store of images for one build, on a plain disk below its work folder: two builds at once do not
 * take each other's images, and nothing of one stays.
 */
export class ImageStore implements AsyncDisposable {
  readonly #folder: string
  readonly #runFolder: string
  /** Unix seconds that times in layers and images become. */
  readonly #epoch: number

  constructor(work: string, epoch: number) {
    this.#folder = join(work, 'images')
    this.#runFolder = join(work, 'images.run')
    this.#epoch = epoch
  }

  /** A name of this store as skopeo has it. */
  reference(image: string): string {
    return `containers-storage:[overlay@${this.#folder}+${this.#runFolder}]${image}`
  }

  async buildah(verb: string, ...args: readonly string[]): Promise<string> {
    const place = ['--root', this.#folder, '--runroot', this.#runFolder]
    return await run(['buildah', ...place, '--storage-driver', 'overlay', verb, ...args])
  }

  /** A tar as an image. */
  async ofTar(tar: string, name: string): Promise<string> {
    const container = await this.buildah('from', 'scratch')
    try {
      await this.buildah('add', '--quiet', container, tar, '/')
      await this.buildah('config', '--cmd', '/sbin/init', container)
      await this.buildah('commit', ...this.#times(), '--quiet', container, name)
    } finally {
      await this.buildah('rm', container)
    }
    return name
  }

  /** An image of the machine's own store. */
  async ofMachine(image: string): Promise<string> {
    await run(['skopeo', 'copy', '--quiet', `containers-storage:${image}`, this.reference(image)])
    return image
  }

  async built(containerfile: string, context: string, base: string, name: string) {
    // The only isolation that needs no cgroups of its own (builders are containers themselves); it
    // takes no other network. Nothing is fetched but what the Containerfile says for a base with dnf.
    const flags = ['--isolation', 'chroot', '--network', 'host', '--pull-never', '--squash']
    const from = [...this.#times(), '--build-arg', `BASE=${base}`]
    const file = join(sources, containerfile)
    await this.buildah('bud', ...flags, ...from, '--tag', name, '--file', file, context)
    return name
  }

  /** An image's file system, mounted until the work on it ends. */
  async mounted<T>(image: string, work: (folder: string) => Promise<T>): Promise<T> {
    const container = await this.buildah('from', '--pull-never', image)
    try {
      return await work(await this.buildah('mount', container))
    } finally {
      await this.buildah('umount', container)
      await this.buildah('rm', container)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Mounted over itself by the first command, and holding the folder.
    await run(['umount', join(this.#folder, 'overlay')]).catch(() => undefined)
    await rm(this.#folder, { recursive: true, force: true })
    await rm(this.#runFolder, { recursive: true, force: true })
  }

  #times() {
    return ['--timestamp', String(this.#epoch)]
  }
}

/** The maintenance OS: the base, our units and the executable. */
export async function osImage(
  { store, base, executable, identity }: ImageInputs,
  work: string,
): Promise<string> {
  say('the OS image: our files over the base, and its initramfs')
  const context = join(work, 'os')
  await mkdir(context)
  await cp(join(sources, 'rootfs'), join(context, 'rootfs'), { recursive: true })
  await cp(executable, join(context, 'slipway'))
  await writeFile(join(context, 'build.json'), `${JSON.stringify(identity, null, 2)}\n`)
  return await store.built('Containerfile', context, base, 'localhost/slipway-os')
}

/** The tools, and the same executable: by digest the same file, so the medium holds it once. */
export async function toolsImage(
  { store, base, executable }: ImageInputs,
  work: string,
): Promise<string> {
  say('the tools image')
  const context = join(work, 'tools')
  await mkdir(context)
  await cp(executable, join(context, 'slipway'))
  return await store.built('tools.Containerfile', context, base, 'localhost/slipway-tools:bound')
}

export interface ImageInputs {
  readonly store: ImageStore
  readonly base: string
  readonly executable: string
  readonly identity: MaintenanceBuild
}
