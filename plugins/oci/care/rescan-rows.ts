// SPDX-License-Identifier: AGPL-3.0-or-later
import { and, eq, inArray } from 'drizzle-orm'
import type { Tx } from '../../../core/store/client.ts'
import {
  blobs,
  manifestReferences,
  manifests,
  repositories,
  repositoryBlobs,
  tagHistory,
  tags,
  unverified,
} from '../tables.ts'
import type { LayoutManifest, LayoutTag, ReadLayout } from './rescan-layout.ts'

export type TagSource = 'import' | 'rebuild'

/** An object as the store holds it now. */
export interface TakenFile {
  readonly digest: string
  readonly sizeBytes: number
  readonly modifiedAt: number
  /** Its bytes were not hashed by us. */
  readonly isNew: boolean
}

export interface Taking {
  readonly repository: string
  readonly layout: ReadLayout
  readonly files: readonly TakenFile[]
  readonly source: TagSource
  /** Unix ms. */
  readonly now: number
  /** A tag that the index does not name goes: the disk is right. */
  readonly exact: boolean
}

/** Rows of one statement: SQLite takes 32,766 variables. */
const ROWS = 400

async function inSlices<T>(rows: readonly T[], work: (slice: T[]) => Promise<unknown>) {
  for (let at = 0; at < rows.length; at += ROWS) await work(rows.slice(at, at + ROWS))
}

async function takeObjects(tx: Tx, { repository, files, now }: Taking): Promise<void> {
  await inSlices(files, async (slice) => {
    const rows = slice.map(({ digest, sizeBytes, modifiedAt }) => ({
      ...{ digest, sizeBytes, createdAt: modifiedAt },
    }))
    await tx.insert(blobs).values(rows).onConflictDoNothing()
    await tx
      .insert(repositoryBlobs)
      .values(slice.map(({ digest }) => ({ repository, digest, linkedAt: now })))
      .onConflictDoNothing()
  })
  const fresh = files.filter(({ isNew }) => isNew).map(({ digest }) => ({ digest }))
  await inSlices(fresh, (slice) => tx.insert(unverified).values(slice).onConflictDoNothing())
}

async function takeManifests(
  tx: Tx,
  repository: string,
  all: readonly LayoutManifest[],
): Promise<void> {
  await inSlices(all, async (slice) => {
    const digests = slice.map(({ digest }) => digest)
    const here = and(eq(manifests.repository, repository), inArray(manifests.digest, digests))
    await tx.delete(manifests).where(here)
    await tx.insert(manifests).values(
      slice.map(({ digest, manifest, sizeBytes, pushedAt, pushedBy }) => ({
        ...{ repository, digest, sizeBytes, pushedAt, pushedBy, mediaType: manifest.mediaType },
        artifactType: manifest.artifactType ?? null,
        configType: manifest.configType ?? null,
        subject: manifest.subject ?? null,
        annotations: manifest.annotations ?? null,
      })),
    )
  })
  const references = all.flatMap(({ digest, manifest }) =>
    manifest.children.map((child) => ({
      ...{ repository, manifest: digest, child: child.digest, kind: child.kind },
    })),
  )
  await inSlices(references, (slice) =>
    tx.insert(manifestReferences).values(slice).onConflictDoNothing(),
  )
}

const isSame = (known: LayoutTag | undefined, { digest, setAt, setBy }: LayoutTag) =>
  known?.digest === digest && known.setAt === setAt && known.setBy === setBy

/** Returns the names of tags that are no longer. */
async function takeTags(tx: Tx, taking: Taking): Promise<readonly string[]> {
  const { repository, layout, source, exact, now } = taking
  const rows = await tx.select().from(tags).where(eq(tags.repository, repository))
  const known = new Map(rows.map((row) => [row.name, row as LayoutTag]))
  const changed = layout.tags.filter((tag) => !isSame(known.get(tag.name), tag))
  for (const { name, digest, setAt, setBy } of changed) {
    await tx
      .insert(tags)
      .values({ repository, name, digest, setAt, setBy })
      .onConflictDoUpdate({ target: [tags.repository, tags.name], set: { digest, setAt, setBy } })
    await tx.insert(tagHistory).values({
      ...{ repository, tag: name, digest, at: setAt, by: setBy, action: source },
    })
  }
  if (!exact) return []
  const wanted = new Set(layout.tags.map(({ name }) => name))
  const gone = [...known.keys()].filter((name) => !wanted.has(name))
  for (const name of gone) {
    await tx.delete(tags).where(and(eq(tags.repository, repository), eq(tags.name, name)))
    await tx.insert(tagHistory).values({
      ...{ repository, tag: name, digest: null, at: now, by: source, action: source },
    })
  }
  return gone
}

/** Writes all that a layout says, in the caller's transaction. Returns tags that are no longer. */
export async function takeRows(tx: Tx, taking: Taking): Promise<readonly string[]> {
  const { repository, layout } = taking
  const { createdAt, sparse } = layout
  await tx
    .insert(repositories)
    .values({ name: repository, createdAt, sparse })
    .onConflictDoNothing()
  await takeObjects(tx, taking)
  await takeManifests(tx, repository, layout.manifests)
  return takeTags(tx, taking)
}
