// SPDX-License-Identifier: AGPL-3.0-or-later
import { and, asc, eq } from 'drizzle-orm'
import type { OciRolledBack, OciTagHistory } from '../../../schemas/oci-admin.ts'
import { type Digest, isDigest } from '../store/digest.ts'
import type { OciStore } from '../store.ts'
import { tagHistory, tags } from '../tables.ts'
import { careFaults } from './care-faults.ts'

type Move = typeof tagHistory.$inferSelect

const movesOf = ({ db }: OciStore, repository: string, tag: string): Promise<Move[]> =>
  db.read
    .select()
    .from(tagHistory)
    .where(and(eq(tagHistory.repository, repository), eq(tagHistory.tag, tag)))
    .orderBy(asc(tagHistory.seq))

/** Can a tag point at it? Its manifest is here and whole, as far as is known. */
async function isPresent(store: OciStore, repository: string, digest: string): Promise<boolean> {
  if (!isDigest(digest)) return false
  if ((await store.objects.find(repository, digest)) === undefined) return false
  return (await store.manifests.find(repository, digest)) !== undefined
}

/** The moves of a tag, the newest first; of a deleted one too. Throws `oci-care.not-found`. */
export async function historyOf(
  store: OciStore,
  repository: string,
  tag: string,
): Promise<OciTagHistory> {
  const moves = await movesOf(store, repository, tag)
  if (moves.length === 0) {
    throw careFaults.notFound(`there is no tag ${tag.slice(0, 128)} in ${repository}, nor was one`)
  }
  const digests = new Set(moves.flatMap(({ digest }) => digest ?? []))
  const present = new Map<string, boolean>()
  for (const digest of digests) present.set(digest, await isPresent(store, repository, digest))
  const entries = moves.map(({ seq, at, by, action, digest }, position) => {
    const from = moves[position - 1]?.digest
    return {
      ...{ seq, at: new Date(at).toISOString(), by },
      // Deletes by a client are told by their missing digest alone.
      action: digest === null && action === 'push' ? ('delete' as const) : action,
      ...(from ? { from } : {}),
      ...(digest === null ? {} : { to: digest }),
      present: digest !== null && (present.get(digest) ?? false),
    }
  })
  return { repository, tag, entries: entries.reverse() }
}

/** The digest that was meant: of an entry, as it was given, or the one before the present. */
function targetOf(moves: readonly Move[], to: number | string | undefined): string | undefined {
  if (typeof to === 'number') return moves.find(({ seq }) => seq === to)?.digest ?? undefined
  const now = moves.at(-1)?.digest
  if (to !== undefined) return moves.find(({ digest }) => digest === to)?.digest ?? undefined
  return moves.findLast(({ digest }) => digest !== null && digest !== now)?.digest ?? undefined
}

async function moveTag(
  store: OciStore,
  move: { repository: string; tag: string; digest: Digest; by: string },
): Promise<number> {
  const { repository, tag, digest, by } = move
  const at = store.now()
  return store.db.write(async (tx) => {
    await tx
      .insert(tags)
      .values({ repository, name: tag, digest, setAt: at, setBy: by })
      .onConflictDoUpdate({
        target: [tags.repository, tags.name],
        set: { digest, setAt: at, setBy: by },
      })
    const [entry] = await tx
      .insert(tagHistory)
      .values({ repository, tag, digest, at, by, action: 'rollback' })
      .returning({ seq: tagHistory.seq })
    return entry?.seq ?? 0
  })
}

/**
 * Points a tag at a digest that it had before, in one transaction. Throws `oci-care.not-found`,
 * `oci-care.gone` when its manifest is no longer here, `oci.denied` for an immutable tag.
 */
export function rollBack(
  store: OciStore,
  tag: { readonly repository: string; readonly name: string },
  to: number | string | undefined,
  by: string,
): Promise<OciRolledBack> {
  const { repository, name } = tag
  // Alone: the collector does not take the manifest while the tag comes back.
  return store.repositoryLocks.alone(repository, async () => {
    const digest = targetOf(await movesOf(store, repository, name), to)
    if (digest === undefined) {
      throw careFaults.notFound(
        `${repository}:${name} has no such earlier digest: look at the history of the tag`,
      )
    }
    if (!isDigest(digest) || !(await isPresent(store, repository, digest))) {
      throw careFaults.gone(
        `the manifest ${digest} is not in ${repository} any more: push it again, then move the tag`,
      )
    }
    const current = await store.tags.find(repository, name)
    const access = { name: by, may: () => true, mayByRight: () => true }
    await store.check.tag({ repository, tag: name, current, next: digest }, access)
    const entry = await moveTag(store, { repository, tag: name, digest, by })
    store.tags.moved(repository, name, digest)
    store.layouts.changed(repository)
    store.tell({ kind: 'push', what: 'tag', repository, digest, tag: name, bytes: 0, by })
    const previous = current === undefined ? {} : { previous_digest: current }
    return { repository, tag: name, digest, ...previous, entry }
  })
}
