// SPDX-License-Identifier: AGPL-3.0-or-later
import { and, eq, inArray, sql } from 'drizzle-orm'
import type { Tx } from '../../../core/store/client.ts'
import { type Digest, isDigest } from '../store/digest.ts'
import type { OciStore } from '../store.ts'
import {
  blobs,
  manifestReferences,
  manifests,
  repositoryBlobs,
  tagHistory,
  tags,
} from '../tables.ts'
import { type Marked, type MarkRules, markRepository } from './gc-mark.ts'

/** Rows named by one statement: SQLite takes 32,766 variables. */
const ROWS = 500

async function inSlices<T>(all: readonly T[], work: (slice: T[]) => Promise<unknown>) {
  for (let at = 0; at < all.length; at += ROWS) await work(all.slice(at, at + ROWS))
}

const digestsOf = (some: readonly { readonly digest: string }[]) => some.map(({ digest }) => digest)

/** Deletes the rows of what was marked in the same transaction. */
async function deleteRows(tx: Tx, repository: string, marked: Marked, at: number): Promise<void> {
  await inSlices(marked.tags, async (slice) => {
    const names = slice.map(({ name }) => name)
    await tx.delete(tags).where(and(eq(tags.repository, repository), inArray(tags.name, names)))
    await tx.insert(tagHistory).values(
      names.map((tag) => ({
        repository,
        tag,
        digest: null,
        at,
        by: 'gc',
        action: 'collect' as const,
      })),
    )
  })
  await inSlices(digestsOf(marked.manifests), async (slice) => {
    const ofThem = inArray(manifestReferences.manifest, slice)
    await tx
      .delete(manifestReferences)
      .where(and(eq(manifestReferences.repository, repository), ofThem))
    await tx
      .delete(manifests)
      .where(and(eq(manifests.repository, repository), inArray(manifests.digest, slice)))
  })
  await inSlices(digestsOf(marked.links), (slice) =>
    tx
      .delete(repositoryBlobs)
      .where(
        and(eq(repositoryBlobs.repository, repository), inArray(repositoryBlobs.digest, slice)),
      ),
  )
}

/**
 * Nothing of the sweep is remembered as being there. By digest, each alone: a push that was committed
 * together with the sweep, and before it, has not told its own memory yet.
 */
async function forgetAll(store: OciStore, repository: string, marked: Marked): Promise<void> {
  const { tags: names, manifests: records, objects, objectLocks } = store
  for (const { name } of marked.tags) names.forget(repository, name)
  for (const { digest } of marked.manifests)
    if (isDigest(digest)) records.forget(repository, digest)
  for (const { digest } of marked.links) {
    if (isDigest(digest))
      await objectLocks.alone(digest, async () => objects.forget(repository, digest))
  }
}

/**
 * Takes the garbage of one repository out of the rows, in one transaction, and says what it was. No
 * push of a manifest into it runs meanwhile. Files go later, by `removeFiles`: a crash between leaves
 * files without rows, which the next collection finds.
 */
export async function sweepRepository(
  store: OciStore,
  repository: string,
  rules: MarkRules,
): Promise<Marked> {
  return store.repositoryLocks.alone(repository, async () => {
    const marked = await store.db.write(async (tx) => {
      const found = await markRepository(tx, repository, rules)
      await deleteRows(tx, repository, found, rules.now)
      return found
    })
    await forgetAll(store, repository, marked)
    if (marked.manifests.length + marked.tags.length > 0) store.layouts.changed(repository)
    return marked
  })
}

/**
 * Removes the repository's link to an object without a row there, and the object when no repository
 * has one. Returns the bytes that the disk got back. Pushes and mounts of the digest wait.
 */
export function removeFiles(store: OciStore, repository: string, digest: Digest): Promise<number> {
  return store.objectLocks.alone(digest, async () => {
    const { shown, freed } = await store.db.write(async (tx) => {
      const holders = await tx
        .select({ repository: repositoryBlobs.repository })
        .from(repositoryBlobs)
        .where(eq(repositoryBlobs.digest, digest))
      const isShown = holders.some((holder) => holder.repository === repository)
      if (holders.length > 0) return { shown: isShown, freed: undefined }
      const [gone] = await tx.delete(blobs).where(eq(blobs.digest, digest)).returning()
      return { shown: false, freed: gone?.sizeBytes ?? 0 }
    })
    if (!shown) await store.files.hide(repository, digest)
    if (freed === undefined) return 0
    store.objects.forget(repository, digest)
    await store.files.remove(digest)
    return freed
  })
}

/** Old moves of tags, beyond so many of each tag. */
export function pruneHistory(store: OciStore, most: number): Promise<unknown> {
  return store.db.write((tx) =>
    tx.delete(tagHistory).where(
      sql`${tagHistory.seq} in (select seq from (select seq, row_number() over (
        partition by repository, tag order by seq desc) as age from oci_tag_history) where age > ${most})`,
    ),
  )
}

/** Leases that ended. */
export const pruneLeases = (store: OciStore, now: number): Promise<unknown> =>
  store.db.write((tx) => tx.run(sql`delete from oci_leases where until <= ${now}`))
