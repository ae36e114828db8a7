// SPDX-License-Identifier: AGPL-3.0-or-later
import { link } from 'node:fs/promises'
import { join } from 'node:path'
import { eq } from 'drizzle-orm'
import type { Reader } from '../../../core/store/client.ts'
import type { OciFinding } from '../../../schemas/oci-report.ts'
import type { Digest } from '../store/digest.ts'
import { removeFile } from '../store/files.ts'
import type { OciStore } from '../store.ts'
import { blobs, freshBytes, type RepairedBy, repositoryBlobs } from '../tables.ts'
import { type Inspection, inspectObject } from './fsck-object.ts'
import type { Findings } from './scrub-findings.ts'

export interface MendParts {
  readonly store: OciStore
  readonly findings: Findings
}

/** The object with those who hold it; undefined when there is none. */
export async function readObject(read: Reader, digest: Digest) {
  const [row] = await read.select().from(blobs).where(eq(blobs.digest, digest))
  if (!row) return undefined
  const holders = await read
    .select({ repository: repositoryBlobs.repository })
    .from(repositoryBlobs)
    .where(eq(repositoryBlobs.digest, digest))
  return { ...row, digest, holders: holders.map(({ repository }) => repository) }
}

const setState = ({ db }: OciStore, digest: Digest, state: 'good' | 'quarantined') =>
  db.write((tx) => tx.update(blobs).set({ state }).where(eq(blobs.digest, digest)))

function forget(
  { objects, manifests }: OciStore,
  digest: Digest,
  holders: readonly string[],
): void {
  for (const repository of holders) {
    objects.forget(repository, digest)
    manifests.forget(repository, digest)
  }
}

/** Puts a whole copy in the place of the damaged object; undefined where there is none. */
async function restore(
  store: OciStore,
  digest: Digest,
  { goodCopy }: Inspection,
): Promise<RepairedBy | undefined> {
  if (goodCopy !== undefined) {
    const temporary = join(store.paths.uploads, `${Bun.randomUUIDv7()}.tmp-mend`)
    try {
      await link(goodCopy, temporary)
      await store.files.take(digest, temporary)
    } finally {
      await removeFile(temporary)
    }
    return 'copy'
  }
  const [fresh] = await store.db.read
    .select({ bytes: freshBytes.bytes })
    .from(freshBytes)
    .where(eq(freshBytes.digest, digest))
  if (!fresh) return undefined
  await store.files.replace(digest, fresh.bytes)
  return 'row'
}

const showAll = async ({ files }: OciStore, digest: Digest, repositories: readonly string[]) => {
  for (const repository of repositories) await files.show(repository, digest, true)
}

function tellAll(
  store: OciStore,
  kind: 'quarantine' | 'mend',
  digest: Digest,
  holders: readonly string[],
): void {
  for (const repository of holders) {
    store.tell({ kind, what: 'blob', repository, digest, bytes: 0, by: 'scrub' })
  }
}

/** It is served no more, and no layout shows it: a client that asks for it pushes it again. */
async function quarantine(store: OciStore, digest: Digest, holders: readonly string[]) {
  await setState(store, digest, 'quarantined')
  forget(store, digest, holders)
  for (const repository of holders) await store.files.hide(repository, digest)
  store.log.error({ digest, repositories: holders }, 'an object is damaged and quarantined')
  tellAll(store, 'quarantine', digest, holders)
}

const asMended = (noted: readonly OciFinding[], by: RepairedBy, at: number): OciFinding[] =>
  noted.map((finding) => ({
    ...{ ...finding, quarantined: false, repaired_by: by, repaired_at: new Date(at).toISOString() },
  }))

/**
 * Looks at an object again with nobody changing it, mends what can be mended from what is here, and
 * quarantines what can not: that waits for a push of the same bytes. Returns what was found, as it
 * stands afterwards.
 */
export function mendObject(parts: MendParts, digest: Digest): Promise<readonly OciFinding[]> {
  const { store, findings } = parts
  return store.objectLocks.alone(digest, async () => {
    const row = await readObject(store.db.read, digest)
    if (!row) {
      await findings.mended(digest, 'row')
      return []
    }
    const { paths, disk } = store
    const seen = await inspectObject({ paths, disk, content: true }, row)
    const noted = await findings.note(seen.damage ? [seen.damage] : seen.links)
    if (noted.length === 0 && row.state === 'good') {
      if (findings.isOpen(digest)) await findings.mended(digest, 'push')
      return []
    }
    const by = seen.damage ? await restore(store, digest, seen) : 'link'
    if (by === undefined) {
      if (row.state === 'good') await quarantine(store, digest, row.holders)
      return noted
    }
    await showAll(store, digest, row.holders)
    await setState(store, digest, 'good')
    forget(store, digest, row.holders)
    await findings.mended(digest, by)
    store.log.warn({ digest, by }, 'a damaged object was mended')
    tellAll(store, 'mend', digest, row.holders)
    return asMended(noted, by, store.now())
  })
}
