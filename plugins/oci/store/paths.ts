// SPDX-License-Identifier: AGPL-3.0-or-later
import { join } from 'node:path'
import { algorithmOf, type Digest, hexOf } from './digest.ts'

/** Where things stand below the plugin's data folder. */
export interface Paths {
  readonly root: string
  /** The object itself: `_blobs/sha256/ab/ab…`. */
  blob(digest: Digest): string
  /** Folder of `blob(digest)`, to be synced when an entry was made in it. */
  blobFolder(digest: Digest): string
  /** An OCI image layout: `repos/NAME`. */
  repository(name: string): string
  /** The hard link through which the layout shows the object. */
  repositoryBlob(name: string, digest: Digest): string
  readonly uploads: string
  upload(id: string): string
}

/** Names that a layout uses itself. */
const LAYOUT_WORDS = new Set(['blobs', 'index.json', 'oci-layout'])

/**
 * A repository may be called `a/blobs/sha256` or `a/index.json`, beside one called `a`. No part of a
 * name can end with an underscore, so that such a folder meets nothing else.
 */
const folderOf = (name: string): string =>
  name
    .split('/')
    .map((part) => (LAYOUT_WORDS.has(part) ? `${part}_` : part))
    .join('/')

/** The way back, for whoever reads the folders. */
export const repositoryOfFolder = (folder: string): string =>
  folder
    .split('/')
    .map((part) => (part.endsWith('_') ? part.slice(0, -1) : part))
    .join('/')

export function createPaths(root: string): Paths {
  const blobs = join(root, '_blobs')
  const repos = join(root, 'repos')
  const uploads = join(root, 'uploads')
  const blobFolder = (digest: Digest) =>
    `${blobs}/${algorithmOf(digest)}/${hexOf(digest).slice(0, 2)}`
  const repository = (name: string) => `${repos}/${folderOf(name)}`
  return {
    root,
    uploads,
    blobFolder,
    repository,
    blob: (digest) => `${blobFolder(digest)}/${hexOf(digest)}`,
    repositoryBlob: (name, digest) =>
      `${repository(name)}/blobs/${algorithmOf(digest)}/${hexOf(digest)}`,
    upload: (id) => `${uploads}/${id}`,
  }
}
