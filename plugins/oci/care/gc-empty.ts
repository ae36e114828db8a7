// SPDX-License-Identifier: AGPL-3.0-or-later
import { rmdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { and, eq, lte, sql } from 'drizzle-orm'
import type { Reader, Tx } from '../../../core/store/client.ts'
import { removeFile } from '../store/files.ts'
import type { Paths } from '../store/paths.ts'
import type { OciStore } from '../store.ts'
import { repositories } from '../tables.ts'

/** Without a row of anything, and older than `since`. */
const isEmpty = (since: number) => sql`${lte(repositories.createdAt, since)}
  and not exists (select 1 from oci_repository_blobs b where b.repository = ${repositories.name})
  and not exists (select 1 from oci_manifests m where m.repository = ${repositories.name})
  and not exists (select 1 from oci_tags t where t.repository = ${repositories.name})`

const hasUpload = ({ uploads }: OciStore, name: string) =>
  uploads.list().some(({ repository }) => repository === name)

/** Does this repository hold nothing, and is nothing on its way into it? */
export async function isEmptyRepository(
  store: OciStore,
  db: Reader | Tx,
  name: string,
  since: number,
): Promise<boolean> {
  if (hasUpload(store, name)) return false
  const rows = await db
    .select({ name: repositories.name })
    .from(repositories)
    .where(and(eq(repositories.name, name), isEmpty(since)))
  return rows.length > 0
}

/** False when something stands in it; a folder that is gone is removed. */
const removeFolder = (folder: string): Promise<boolean> =>
  rmdir(folder).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return true
      if (error.code === 'ENOTEMPTY' || error.code === 'EEXIST') return false
      throw error
    },
  )

/** Removes a layout unless it shows something: never a file that a push has just put there. */
async function removeLayout(paths: Paths, name: string): Promise<void> {
  const folder = paths.repository(name)
  for (const part of ['blobs/sha256', 'blobs/sha512', 'blobs']) {
    if (!(await removeFolder(join(folder, part)))) return
  }
  for (const file of ['index.json', 'oci-layout']) await removeFile(join(folder, file))
  // Folders above it, up to one in which another repository stands.
  const root = join(paths.root, 'repos')
  for (let at = folder; at !== root && (await removeFolder(at)); at = dirname(at));
}

/** Removes the row and the layout; false when something came in meanwhile. */
export function removeEmptyRepository(
  store: OciStore,
  name: string,
  since: number,
): Promise<boolean> {
  return store.repositoryLocks.alone(name, async () => {
    const removed = await store.db.write(async (tx) => {
      if (!(await isEmptyRepository(store, tx, name, since))) return false
      await tx.delete(repositories).where(eq(repositories.name, name))
      return true
    })
    if (!removed) return false
    store.repositories.forget(name)
    await removeLayout(store.paths, name)
    return true
  })
}
