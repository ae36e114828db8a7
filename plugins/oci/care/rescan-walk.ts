// SPDX-License-Identifier: AGPL-3.0-or-later
import { lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type Digest, isDigest } from '../store/digest.ts'
import { isRepositoryName } from '../store/names.ts'
import { type Paths, repositoryOfFolder } from '../store/paths.ts'

/** Something on the disk that is not taken over, and why. */
export interface Refusal {
  readonly path: string
  readonly why: string
}

/** A folder that says that it is an image layout. */
export interface FoundLayout {
  readonly repository: string
  readonly folder: string
}

/** Files below `repos/` with one of these make their folder a layout. */
const MARKS = new Set(['index.json', 'oci-layout'])

/**
 * Finds the layouts below `repos/`. Follows no symbolic link, and takes no folder whose path is no
 * repository's name.
 */
export async function findLayouts(
  paths: Paths,
): Promise<{ readonly layouts: readonly FoundLayout[]; readonly refused: readonly Refusal[] }> {
  const root = join(paths.root, 'repos')
  const layouts: FoundLayout[] = []
  const refused: Refusal[] = []

  const look = async (below: string): Promise<void> => {
    const folder = join(root, below)
    const entries = await readdir(folder, { withFileTypes: true })
    const isLayout = entries.some((entry) => entry.isFile() && MARKS.has(entry.name))
    if (isLayout) {
      const repository = repositoryOfFolder(below)
      // The way there and back must agree: `a_` is no folder of ours.
      if (isRepositoryName(repository) && paths.repository(repository) === folder) {
        layouts.push({ repository, folder })
      } else refused.push({ path: below, why: 'its path is no name of a repository' })
    }
    for (const entry of entries) {
      if (isLayout && entry.name === 'blobs') continue
      const path = below === '' ? entry.name : `${below}/${entry.name}`
      if (entry.isSymbolicLink()) refused.push({ path, why: 'symbolic links are not followed' })
      else if (entry.isDirectory()) await look(path)
    }
  }
  await look('')
  return { layouts, refused }
}

/** A file that bears the name of an object. */
export interface LayoutFile {
  readonly digest: Digest
  readonly path: string
  readonly sizeBytes: number
  readonly inode: number
  /** Unix ms. */
  readonly modifiedAt: number
}

async function filesOf(
  folder: string,
  algorithm: string,
  refuse: (refusal: Refusal) => void,
): Promise<LayoutFile[]> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw error
  })
  const files: LayoutFile[] = []
  for (const name of names) {
    const path = join(folder, name)
    const digest = `${algorithm}:${name}`
    if (!isDigest(digest)) {
      refuse({ path, why: 'its name is no digest' })
      continue
    }
    const found = await lstat(path)
    if (found.isFile()) {
      const { size: sizeBytes, ino: inode, mtimeMs } = found
      files.push({ digest, path, sizeBytes, inode, modifiedAt: Math.floor(mtimeMs) })
    } else refuse({ path, why: 'it is no regular file' })
  }
  return files
}

/** Objects in the `blobs` folder of a layout. A folder that is a symbolic link is not entered. */
export async function readFiles(
  { folder }: FoundLayout,
  refuse: (refusal: Refusal) => void,
): Promise<readonly LayoutFile[]> {
  const files: LayoutFile[] = []
  for (const part of ['blobs', 'blobs/sha256', 'blobs/sha512']) {
    const found = await lstat(join(folder, part)).catch(() => undefined)
    if (!found) continue
    if (!found.isDirectory()) {
      refuse({ path: join(folder, part), why: 'it is no folder' })
      if (part === 'blobs') return []
      continue
    }
    const algorithm = part.split('/')[1]
    if (algorithm) files.push(...(await filesOf(join(folder, part), algorithm, refuse)))
  }
  return files
}
