// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdirSync, readdirSync } from 'node:fs'
import { link, mkdir, open, rename, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Digest } from './digest.ts'
import type { Disk } from './disk.ts'
import type { Paths } from './paths.ts'
import { createPlacer } from './placer.ts'

export const isMissing = (error: unknown) =>
  (error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT'
const exists = (error: unknown) => (error as NodeJS.ErrnoException).code === 'EEXIST'

/** Brings a folder's entries to the disk: a new name survives a power cut only after this. */
export async function syncFolder(folder: string): Promise<void> {
  await using handle = await open(folder, 'r')
  await handle.sync()
}

/** Removes a file that may be gone already. */
export async function removeFile(path: string): Promise<void> {
  await unlink(path).catch((error: unknown) => {
    if (!isMissing(error)) throw error
  })
}

/** The files of objects and the links of the layouts. Knows no rows. */
export interface Files {
  /** Puts an object under its name and into the layout of a repository, without waiting for the disk. */
  writeFresh(repository: string, digest: Digest, bytes: Uint8Array): Promise<void>
  /** Puts bytes in the place of a damaged or missing object, on the disk when this resolves. */
  replace(digest: Digest, bytes: Uint8Array): Promise<void>
  /** Puts a synced file under its name too, on the disk when this resolves. Whoever reads the old one goes on. */
  take(digest: Digest, from: string): Promise<void>
  /** Shows the object in the layout of a repository; `again` replaces a link to an older copy. */
  show(repository: string, digest: Digest, again?: boolean): Promise<void>
  hide(repository: string, digest: Digest): Promise<void>
  /** True once after the folder of a repository was made, or first used since the start. */
  takeNewLayout(repository: string): boolean
  /** Removes the object itself. */
  remove(digest: Digest): Promise<void>
}

const SHOW_ATTEMPTS = 5

export const LAYOUT_VERSION = '{"imageLayoutVersion":"1.0.0"}'

/** All 256 folders of an algorithm, so that no push has to make and sync one. */
async function makeFanOut(folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  if (readdirSync(folder).length >= 256) return
  for (let byte = 0; byte < 256; byte++) {
    mkdirSync(join(folder, byte.toString(16).padStart(2, '0')), { recursive: true, mode: 0o700 })
  }
  await syncFolder(folder)
}

/** Makes the folders of the store; to be called once. */
export async function makeFolders(paths: Paths): Promise<void> {
  for (const folder of [paths.uploads, join(paths.root, 'repos'), join(paths.root, '_blobs')]) {
    await mkdir(folder, { recursive: true, mode: 0o700 })
  }
  for (const algorithm of ['sha256', 'sha512']) {
    await makeFanOut(join(paths.root, '_blobs', algorithm))
  }
  await syncFolder(join(paths.root, '_blobs'))
  await syncFolder(paths.root)
}

async function linkOnce(from: string, to: string): Promise<void> {
  await link(from, to).catch((error: unknown) => {
    if (!exists(error)) throw error
  })
}

export function createFiles(paths: Paths, disk: Pick<Disk, 'place'>): Files {
  const placer = createPlacer(disk)
  const layouts = new Set<string>()
  const newLayouts = new Set<string>()

  const makeLayout = async (repository: string): Promise<void> => {
    const folder = paths.repository(repository)
    for (const algorithm of ['sha256', 'sha512']) {
      await mkdir(join(folder, 'blobs', algorithm), { recursive: true, mode: 0o700 })
    }
    await writeFile(join(folder, 'oci-layout'), LAYOUT_VERSION)
    layouts.add(repository)
    newLayouts.add(repository)
  }
  /** All that is half made stands where the next start clears it away. */
  const temporaryPath = () => join(paths.uploads, `${Bun.randomUUIDv7()}.tmp`)

  const linkAgain = async (from: string, to: string): Promise<void> => {
    const temporary = temporaryPath()
    await link(from, temporary)
    await rename(temporary, to)
    // rename() of two names of one inode does nothing and leaves both.
    await removeFile(temporary)
  }

  return {
    async replace(digest, bytes) {
      const temporary = temporaryPath()
      try {
        {
          await using file = await open(temporary, 'wx', 0o600)
          await file.writeFile(bytes)
          await file.datasync()
        }
        await this.take(digest, temporary)
      } finally {
        await removeFile(temporary)
      }
    },
    async writeFresh(repository, digest, bytes) {
      // Of a new layout the folders may be missing.
      const link = layouts.has(repository) ? paths.repositoryBlob(repository, digest) : undefined
      const [temporary, path] = [temporaryPath(), paths.blob(digest)]
      const isLinked = await placer.place({ temporary, path, bytes, link })
      if (link === undefined || !isLinked) await this.show(repository, digest)
    },
    async take(digest, from) {
      // By a link: should we end before the commit, the upload session still has its bytes.
      await linkAgain(from, paths.blob(digest))
      await syncFolder(paths.blobFolder(digest))
    },
    async show(repository, digest, again = false) {
      const from = paths.blob(digest)
      const to = paths.repositoryBlob(repository, digest)
      const put = () => (again ? linkAgain(from, to) : linkOnce(from, to))
      if (!layouts.has(repository)) await makeLayout(repository)
      // Whoever removes an empty repository may take its folder away at any of these moments.
      for (let attempt = 1; ; attempt++) {
        const failure = await put().catch((error: unknown) => error)
        if (failure === undefined) return
        if (!isMissing(failure) || attempt === SHOW_ATTEMPTS) throw failure
        await makeLayout(repository)
      }
    },
    takeNewLayout: (repository) => newLayouts.delete(repository),
    hide: (repository, digest) => removeFile(paths.repositoryBlob(repository, digest)),
    async remove(digest) {
      await removeFile(paths.blob(digest))
    },
  }
}
