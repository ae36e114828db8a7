// SPDX-License-Identifier: AGPL-3.0-or-later
import { link, lstat } from 'node:fs/promises'
import { eq } from 'drizzle-orm'
import type { OciRescanReport } from '../../../schemas/oci-report.ts'
import { isDigest } from '../store/digest.ts'
import { syncFolder } from '../store/files.ts'
import type { OciStore } from '../store.ts'
import { blobs } from '../tables.ts'
import { careFaults } from './care-faults.ts'
import type { TaskRun } from './care-tasks.ts'
import { type ReadLayout, readLayout } from './rescan-layout.ts'
import { type TagSource, type TakenFile, takeRows } from './rescan-rows.ts'
import { type FoundLayout, findLayouts, type LayoutFile, type Refusal } from './rescan-walk.ts'

export interface RescanOptions {
  readonly source: TagSource
  /** Only this repository. */
  readonly repository?: string | undefined
}

type Counts = { -readonly [K in keyof OciRescanReport]: OciRescanReport[K] }

const refuse = (counts: Counts, more: readonly Refusal[]): void => {
  counts.refused = [...counts.refused, ...more].slice(0, MOST_REFUSED)
}

const MOST_REFUSED = 1_000

const nothingFound = (): Counts => ({
  ...{ kind: 'rescan', repositories: 0, tags: 0, manifests: 0, blobs: 0 },
  ...{ adopted_bytes: 0, unchanged: 0, to_verify: 0, refused: [] },
})

/**
 * Makes the file the store's own: one with its name there is used instead of it, and the layout shows
 * that; otherwise it is linked there, unhashed. Nothing is copied.
 */
function takeFile(store: OciStore, repository: string, file: LayoutFile): Promise<TakenFile> {
  const { digest, sizeBytes, modifiedAt } = file
  return store.objectLocks.alone(digest, async () => {
    const path = store.paths.blob(digest)
    const own = await lstat(path).catch(() => undefined)
    const [row] = await store.db.read.select().from(blobs).where(eq(blobs.digest, digest))
    if (own && own.ino === file.inode) return { digest, sizeBytes, modifiedAt, isNew: !row }
    if (own?.isFile() && row) {
      await store.files.show(repository, digest, true)
      // Which of the two is right, if they differ, the scrub finds out.
      return { digest, sizeBytes: row.sizeBytes, modifiedAt, isNew: own.size !== sizeBytes }
    }
    if (own) await store.files.show(repository, digest, true)
    else await link(file.path, path)
    return { digest, sizeBytes: own?.size ?? sizeBytes, modifiedAt, isNew: true }
  })
}

/** A tag of the layout that would move one that nobody may move. */
function withoutImmutable(
  store: OciStore,
  repository: string,
  layout: ReadLayout,
  current: ReadonlyMap<string, string>,
): ReadLayout {
  const refused: Refusal[] = [...layout.refused]
  const tags = layout.tags.filter(({ name, digest }) => {
    const now = current.get(name)
    if (now === undefined || now === digest || !store.rules.isImmutable(repository, name))
      return true
    refused.push({ path: `${repository}:${name}`, why: 'the tag is immutable' })
    return false
  })
  return { ...layout, tags, refused }
}

async function currentTags({ tags }: OciStore, layout: ReadLayout, repository: string) {
  const current = new Map<string, string>()
  for (const { name } of layout.tags) {
    const digest = await tags.find(repository, name)
    if (digest !== undefined) current.set(name, digest)
  }
  return current
}

function forget(store: OciStore, repository: string, layout: ReadLayout, gone: readonly string[]) {
  for (const { digest } of layout.files) store.objects.forget(repository, digest)
  for (const { digest } of layout.manifests) store.manifests.forget(repository, digest)
  for (const name of [...gone, ...layout.tags.map((tag) => tag.name)]) {
    store.tags.forget(repository, name)
  }
  store.repositories.forget(repository)
}

/** Where new names were made. */
const foldersOf = ({ paths }: OciStore, files: readonly TakenFile[]): ReadonlySet<string> =>
  new Set(
    files.flatMap(({ digest, isNew }) =>
      isNew && isDigest(digest) ? paths.blobFolder(digest) : [],
    ),
  )

async function takeLayout(
  store: OciStore,
  { source }: RescanOptions,
  found: FoundLayout,
  counts: Counts,
): Promise<void> {
  const { repository } = found
  const exact = source === 'rebuild'
  // What was pushed since is in the rows and must not be held for gone.
  await store.layouts.settle()
  const read = await readLayout(found, new Set(store.config.manifest_types))
  const layout = exact
    ? read
    : withoutImmutable(store, repository, read, await currentTags(store, read, repository))
  const files: TakenFile[] = []
  for (const file of layout.files) {
    const taken = await takeFile(store, repository, file)
    files.push(taken)
    if (taken.isNew) counts.adopted_bytes += taken.sizeBytes
    else counts.unchanged++
  }
  for (const folder of foldersOf(store, files)) await syncFolder(folder)
  const now = store.now()
  const gone = await store.db.write((tx) =>
    takeRows(tx, { repository, layout, files, source, now, exact }),
  )
  forget(store, repository, layout, gone)
  store.layouts.changed(repository)
  counts.repositories++
  counts.tags += layout.tags.length
  counts.manifests += layout.manifests.length
  counts.blobs += files.length
  counts.to_verify += files.filter(({ isNew }) => isNew).length
  refuse(counts, layout.refused)
}

/**
 * Takes over what stands in the layouts below `repos/`. A `rescan` adds; a `rebuild` holds the disk
 * for right, and tags that an index does not name go. Each repository changes in one transaction.
 * Blobs are not hashed here: the next scrub takes those first.
 */
export async function rescan(
  store: OciStore,
  options: RescanOptions,
  run: Pick<TaskRun, 'signal' | 'progress'>,
): Promise<OciRescanReport> {
  const counts = nothingFound()
  const { layouts, refused } = await findLayouts(store.paths)
  const wanted = layouts.filter(
    ({ repository }) => options.repository === undefined || repository === options.repository,
  )
  if (options.repository !== undefined && wanted.length === 0) {
    throw careFaults.layout(
      `there is no image layout at repos/${options.repository.slice(0, 200)}: put one there, then rescan`,
    )
  }
  refuse(counts, refused)
  for (const [done, found] of wanted.entries()) {
    run.signal.throwIfAborted()
    const { repository } = found
    run.progress({ done, total: wanted.length, unit: 'repositories', at: repository })
    try {
      await store.repositoryLocks.alone(repository, () => takeLayout(store, options, found, counts))
    } catch (error) {
      store.log.warn({ err: error, repository }, 'a layout could not be taken over')
      const why = error instanceof Error ? error.message : String(error)
      refuse(counts, [{ path: repository, why }])
    }
  }
  run.progress({ done: wanted.length, total: wanted.length, unit: 'repositories' })
  return counts
}
