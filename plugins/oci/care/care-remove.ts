// SPDX-License-Identifier: AGPL-3.0-or-later
import { eq } from 'drizzle-orm'
import type { OciRepositoryDeleted } from '../../../schemas/oci-admin.ts'
import { isDigest } from '../store/digest.ts'
import type { OciStore } from '../store.ts'
import { manifestReferences, manifests, repositoryBlobs, tagHistory, tags } from '../tables.ts'
import { careFaults } from './care-faults.ts'
import { contentsOf } from './care-views.ts'

/**
 * Takes everything out of a repository, in one transaction; its bytes and its folder go with the next
 * garbage collection. Throws `oci-care.not-found`, and `oci.denied` when one of its tags is immutable.
 */
export function removeRepository(
  store: OciStore,
  repository: string,
  by: string,
): Promise<OciRepositoryDeleted> {
  return store.repositoryLocks.alone(repository, async () => {
    if (!(await store.repositories.find(repository))) {
      throw careFaults.notFound(`there is no repository ${repository.slice(0, 200)}`)
    }
    const contents = await contentsOf(store, repository)
    const access = { name: by, may: () => true, mayByRight: () => true }
    for (const tag of contents.tags) {
      const current = await store.tags.find(repository, tag)
      await store.check.tag({ repository, tag, current, next: undefined }, access)
    }
    const at = store.now()
    const links = await store.db.write(async (tx) => {
      for (const tag of contents.tags) {
        await tx
          .insert(tagHistory)
          .values({ repository, tag, digest: null, at, by, action: 'delete' })
      }
      for (const table of [tags, manifestReferences, manifests]) {
        await tx.delete(table).where(eq(table.repository, repository))
      }
      // Old enough for the next collection, which removes the files under their locks.
      return tx
        .update(repositoryBlobs)
        .set({ linkedAt: 0 })
        .where(eq(repositoryBlobs.repository, repository))
        .returning({ digest: repositoryBlobs.digest })
    })
    for (const tag of contents.tags) store.tags.forget(repository, tag)
    for (const digest of contents.manifests) {
      if (isDigest(digest)) store.manifests.forget(repository, digest)
    }
    store.layouts.changed(repository)
    const { length: manifestCount } = contents.manifests
    return {
      ...{ repository, tags: contents.tags.length, manifests: manifestCount },
      blobs: links.length - manifestCount,
    }
  })
}
