// SPDX-License-Identifier: AGPL-3.0-or-later
import { and, asc, eq, gt, sql } from 'drizzle-orm'
import type { Db, Tx } from '../../../core/store/client.ts'
import { ociFaults } from '../errors.ts'
import {
  manifestReferences,
  manifests,
  type ReferenceKind,
  type SparsePolicy,
  tagHistory,
  tags,
} from '../tables.ts'
import type { OciEvent } from '../watch/events.ts'
import type { Digest } from './digest.ts'
import { createLru } from './lru.ts'
import type { Manifest } from './manifest.ts'
import type { Objects } from './objects.ts'
import type { Tags } from './tags.ts'

const KEPT = 20_000

/** A stored manifest, as its row has it. */
export interface ManifestRecord {
  readonly digest: Digest
  readonly mediaType: string
  readonly artifactType: string | null
  readonly configType: string | null
  readonly subject: Digest | null
  readonly annotations: Readonly<Record<string, string>> | null
  readonly sizeBytes: number
  readonly pushedAt: number
  readonly pushedBy: string
}

export interface ManifestPush {
  readonly digest: Digest
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly manifest: Manifest
  /** All of them point at it afterwards, or none. */
  readonly tags: readonly string[]
  readonly by: string
  /** Recorded with it. */
  readonly events?: readonly OciEvent[]
}

export interface Manifests {
  find(repository: string, digest: Digest): Promise<ManifestRecord | undefined>
  /** The same, when it is at hand. */
  known(repository: string, digest: Digest): ManifestRecord | undefined
  /** Stores it with its tags. Throws `oci.manifest-blob-unknown` naming every child that lacks. */
  put(repository: string, push: ManifestPush, sparse: SparsePolicy): Promise<void>
  /**
   * Removes it and every tag to it, which are returned; undefined when it was not there. `also` is
   * done in the same transaction.
   */
  remove(
    repository: string,
    digest: Digest,
    by: string,
    also?: (tx: Tx, untagged: readonly string[]) => Promise<void>,
  ): Promise<readonly string[] | undefined>
  /** Manifests whose subject is this digest, behind `after`, by digest. */
  referrers(
    repository: string,
    subject: Digest,
    page: { after?: string; artifactType?: string | undefined; limit: number },
  ): Promise<readonly ManifestRecord[]>
  /** All of a repository, by digest. */
  list(
    repository: string,
    page: { after?: string; limit: number },
  ): Promise<readonly ManifestRecord[]>
  children(
    repository: string,
    digest: Digest,
  ): Promise<readonly { digest: Digest; kind: ReferenceKind }[]>
  /** The manifest and everything below it, as far as references are known; referrers are not below. */
  reachable(repository: string, digest: Digest): Promise<ReadonlySet<Digest>>
  /** One manifest that points at this object; undefined when none does. */
  parent(repository: string, child: Digest): Promise<Digest | undefined>
  /** To be called by whoever changes rows of manifests behind this. */
  forget(repository: string, digest: Digest): void
}

export interface ManifestParts {
  readonly db: Db
  readonly objects: Objects
  readonly tags: Tags
  readonly now: () => number
}

const keyOf = (repository: string, digest: string) => `${repository} ${digest}`

/** May this child be absent? */
const mayLack = (sparse: SparsePolicy, kind: ReferenceKind) =>
  sparse === 'all' || (sparse === 'index' && kind === 'manifest')

export function createManifests({ db, objects, tags: names, now }: ManifestParts): Manifests {
  const kept = createLru<ManifestRecord>(KEPT, () => 1)
  const query = db.read
    .select()
    .from(manifests)
    .where(
      and(
        eq(manifests.repository, sql.placeholder('repository')),
        eq(manifests.digest, sql.placeholder('digest')),
      ),
    )
    .prepare()

  const check = async (repository: string, manifest: Manifest, sparse: SparsePolicy) => {
    const details: { path: string; field: string; code: string; message: string }[] = []
    for (const { digest, kind, pointer, foreign } of manifest.children) {
      if (foreign || mayLack(sparse, kind)) continue
      if ((await objects.find(repository, digest)) !== undefined) continue
      const message = `${digest} (${pointer}) is not in ${repository}: push it first`
      details.push({ path: pointer, field: digest, code: 'missing', message })
    }
    if (details.length === 0) return
    throw ociFaults.manifestBlobUnknown(`${repository} lacks what the manifest points at`, {
      details,
    })
  }

  return {
    known: (repository, digest) => kept.get(keyOf(repository, digest)),
    find: (repository, digest) =>
      kept.load(keyOf(repository, digest), async () => {
        const [row] = await query.all({ repository, digest })
        // only digests are ever written there
        return row as ManifestRecord | undefined
      }),
    async put(repository, { digest, bytes, manifest, tags: wanted, by, events = [] }, sparse) {
      await check(repository, manifest, sparse)
      const at = now()
      const { mediaType, artifactType, configType, subject, annotations, children } = manifest
      const record: ManifestRecord = {
        ...{ digest, mediaType, sizeBytes: bytes.byteLength, pushedAt: at, pushedBy: by },
        artifactType: artifactType ?? null,
        configType: configType ?? null,
        subject: subject ?? null,
        annotations: annotations ?? null,
      }
      await objects.putBytes(repository, digest, bytes, {
        manifests: [{ repository, ...record }],
        references: children.map((child) => ({
          ...{ repository, manifest: digest, child: child.digest, kind: child.kind },
        })),
        tags: wanted.map((name) => ({ repository, name, digest, setAt: at, setBy: by })),
        events,
      })
      kept.set(keyOf(repository, digest), record)
      for (const name of wanted) names.moved(repository, name, digest)
    },
    async remove(repository, digest, by, also) {
      const here = <T extends typeof manifests | typeof tags>(table: T) =>
        and(eq(table.repository, repository), eq(table.digest, digest))
      const removed = await db.write(async (tx) => {
        const gone = await tx.delete(manifests).where(here(manifests)).returning()
        if (gone.length === 0) return undefined
        const untagged = await tx.delete(tags).where(here(tags)).returning()
        for (const { name: tag } of untagged) {
          await tx.insert(tagHistory).values({ repository, tag, digest: null, at: now(), by })
        }
        await tx
          .delete(manifestReferences)
          .where(
            and(
              eq(manifestReferences.repository, repository),
              eq(manifestReferences.manifest, digest),
            ),
          )
        const names = untagged.map(({ name }) => name)
        await also?.(tx, names)
        return names
      })
      kept.drop(keyOf(repository, digest))
      for (const name of removed ?? []) names.forget(repository, name)
      if (removed) await objects.unlink(repository, digest)
      return removed
    },
    async referrers(repository, subject, { after = '', artifactType, limit }) {
      const rows = await db.read
        .select()
        .from(manifests)
        .where(
          and(
            eq(manifests.repository, repository),
            eq(manifests.subject, subject),
            gt(manifests.digest, after),
            artifactType === undefined ? undefined : eq(manifests.artifactType, artifactType),
          ),
        )
        .orderBy(asc(manifests.digest))
        .limit(limit)
      return rows as readonly ManifestRecord[]
    },
    async list(repository, { after = '', limit }) {
      const rows = await db.read
        .select()
        .from(manifests)
        .where(and(eq(manifests.repository, repository), gt(manifests.digest, after)))
        .orderBy(asc(manifests.digest))
        .limit(limit)
      return rows as readonly ManifestRecord[]
    },
    async children(repository, digest) {
      const rows = await db.read
        .select({ digest: manifestReferences.child, kind: manifestReferences.kind })
        .from(manifestReferences)
        .where(
          and(
            eq(manifestReferences.repository, repository),
            eq(manifestReferences.manifest, digest),
          ),
        )
      return rows as readonly { digest: Digest; kind: ReferenceKind }[]
    },
    async reachable(repository, digest) {
      const rows = await db.read.all<{ digest: Digest }>(sql`
        with recursive reached(digest) as (
          select ${digest} union
          select ${manifestReferences.child} from ${manifestReferences}
          join reached on ${manifestReferences.manifest} = reached.digest
          where ${manifestReferences.repository} = ${repository}
        ) select digest from reached`)
      return new Set(rows.map((row) => row.digest))
    },
    async parent(repository, child) {
      const [row] = await db.read
        .select({ manifest: manifestReferences.manifest })
        .from(manifestReferences)
        .where(
          and(eq(manifestReferences.repository, repository), eq(manifestReferences.child, child)),
        )
        .limit(1)
      return row?.manifest as Digest | undefined
    },
    forget: (repository, digest) => kept.drop(keyOf(repository, digest)),
  }
}
