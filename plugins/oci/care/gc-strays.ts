// SPDX-License-Identifier: AGPL-3.0-or-later
import { lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { and, eq, gte, lt } from 'drizzle-orm'
import type { Db } from '../../../core/store/client.ts'
import { type Digest, type DigestAlgorithm, isDigest } from '../store/digest.ts'
import { removeFile } from '../store/files.ts'
import type { Paths } from '../store/paths.ts'
import type { OciStore } from '../store.ts'
import { blobs, repositoryBlobs } from '../tables.ts'

const ALGORITHMS: readonly DigestAlgorithm[] = ['sha256', 'sha512']

const namesIn = (folder: string): Promise<string[]> =>
  readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw error
  })

/** The hex digits behind the colon begin with these two. */
const inFolder = (algorithm: DigestAlgorithm, two: string) => {
  const next = (Number.parseInt(two, 16) + 1).toString(16).padStart(2, '0')
  const end = two === 'ff' ? `${algorithm}:g` : `${algorithm}:${next}`
  return and(gte(blobs.digest, `${algorithm}:${two}`), lt(blobs.digest, end))
}

/** A file that stands where an object would. */
export interface StrayFile {
  readonly path: string
  /** Whose name it bears: `<hex>`, or `<hex>.<random>` while a link is replaced; undefined for others. */
  readonly digest: Digest | undefined
  /** Its name is no digest: no row can make it right. */
  readonly temporary: boolean
}

function strayFile(algorithm: DigestAlgorithm, path: string, name: string): StrayFile {
  const [hex = ''] = name.split('.')
  const digest = `${algorithm}:${hex}`
  return { path, digest: isDigest(digest) ? digest : undefined, temporary: hex !== name }
}

/** What it takes to look for strays. */
export interface StrayParts {
  readonly db: Pick<Db, 'read'>
  readonly paths: Paths
}

/** Files below `_blobs` without a row: what a crash left between the file and its row. */
export async function* strayObjects(store: StrayParts): AsyncGenerator<StrayFile> {
  for (const algorithm of ALGORITHMS) {
    const root = join(store.paths.root, '_blobs', algorithm)
    for (const two of await namesIn(root)) {
      const names = await namesIn(join(root, two))
      if (names.length === 0) continue
      const rows = await store.db.read
        .select({ digest: blobs.digest })
        .from(blobs)
        .where(inFolder(algorithm, two))
      const known = new Set(rows.map(({ digest }) => digest))
      for (const name of names) {
        const digest = `${algorithm}:${name}`
        if (known.has(digest)) continue
        yield strayFile(algorithm, join(root, two, name), name)
      }
    }
  }
}

/** Files in the layout of a repository that it does not hold by its rows. */
export async function* strayLinks(
  store: StrayParts,
  repository: string,
): AsyncGenerator<StrayFile> {
  const rows = await store.db.read
    .select({ digest: repositoryBlobs.digest })
    .from(repositoryBlobs)
    .where(eq(repositoryBlobs.repository, repository))
  const known = new Set(rows.map(({ digest }) => digest))
  for (const algorithm of ALGORITHMS) {
    const folder = join(store.paths.repository(repository), 'blobs', algorithm)
    for (const name of await namesIn(folder)) {
      const digest = `${algorithm}:${name}`
      if (known.has(digest)) continue
      yield strayFile(algorithm, join(folder, name), name)
    }
  }
}

/** Has it got a row meanwhile? */
async function isKnown({ db }: StrayParts, digest: Digest, repository: string | undefined) {
  const rows =
    repository === undefined
      ? await db.read.select().from(blobs).where(eq(blobs.digest, digest))
      : await db.read
          .select()
          .from(repositoryBlobs)
          .where(
            and(eq(repositoryBlobs.digest, digest), eq(repositoryBlobs.repository, repository)),
          )
  return rows.length > 0
}

/** Is it still without a row? Pushes of the digest wait meanwhile. */
export function isStray(
  store: OciStore,
  { path, digest, temporary }: StrayFile,
  repository?: string,
): Promise<boolean> {
  return store.objectLocks.alone(digest ?? path, async () => {
    if (digest && !temporary && (await isKnown(store, digest, repository))) return false
    return (await lstat(path).catch(() => undefined)) !== undefined
  })
}

/**
 * Removes it unless it got a row meanwhile, is younger than `since`, or is an object that some layout
 * shows: that is what a lost database looks like. Returns the bytes that the disk got back; undefined:
 * it stays.
 */
export function removeStray(
  store: OciStore,
  { path, digest, temporary }: StrayFile,
  since: number,
  repository?: string,
): Promise<number | undefined> {
  return store.objectLocks.alone(digest ?? path, async () => {
    if (digest && !temporary && (await isKnown(store, digest, repository))) return undefined
    const found = await lstat(path).catch(() => undefined)
    if (!found || found.isDirectory() || found.ctimeMs > since) return undefined
    if (repository === undefined && found.nlink > 1) return undefined
    await removeFile(path)
    return found.nlink === 1 ? found.size : 0
  })
}
