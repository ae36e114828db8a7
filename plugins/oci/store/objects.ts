// SPDX-License-Identifier: AGPL-3.0-or-later
import { readFile } from 'node:fs/promises'
import { and, eq, gt, sql } from 'drizzle-orm'
import type { Db, Tx } from '../../../core/store/client.ts'
import { KiB, MiB } from '../../../core/units.ts'
import { blobs, repositoryBlobs } from '../tables.ts'
import type { Digest } from './digest.ts'
import { type Files, isMissing } from './files.ts'
import type { Fresh } from './fresh.ts'
import type { Ledger, Rows } from './ledger.ts'
import type { Locks } from './locks.ts'
import { createLru } from './lru.ts'
import type { Paths } from './paths.ts'

/** Up to this size an object travels to the disk in the database's commit. */
export const SMALL_BYTES = 64 * KiB

/** Links that are remembered; about 150 bytes each. */
const LINKS = 50_000
const HOT_BYTES = 24 * MiB
/** What an entry costs beside its bytes. */
const ENTRY = 300

/** The objects of all repositories: blobs, and the bytes of manifests. */
export interface Objects {
  /** Size in bytes of an object that this repository holds; undefined when it does not, or it is quarantined. */
  find(repository: string, digest: Digest): Promise<number | undefined>
  /** The same, when it is at hand. */
  known(repository: string, digest: Digest): number | undefined
  /** Repositories that hold it, in the order of their names, at most 100 after `after`. */
  holders(digest: Digest, after?: string): Promise<readonly string[]>
  /** Bytes of a small object, from memory where they were asked for before. Throws ENOENT when its file is lost. */
  bytes(digest: Digest): Promise<Uint8Array<ArrayBuffer>>
  /** The same, when they are at hand. */
  hot(digest: Digest): Uint8Array<ArrayBuffer> | undefined
  /** Where its file lies, for whoever serves it. */
  path(digest: Digest): string
  /** Stores bytes that have this digest; `more` is committed with them. Heals a damaged copy. */
  putBytes(
    repository: string,
    digest: Digest,
    bytes: Uint8Array<ArrayBuffer>,
    more?: Rows,
  ): Promise<void>
  /** Takes a file that has this digest and was synced, by a link: the caller removes it afterwards. */
  putFile(repository: string, digest: Digest, path: string, sizeBytes: number): Promise<void>
  /** Lets the repository hold what another holds; false when the object is gone meanwhile. */
  mount(repository: string, digest: Digest): Promise<boolean>
  /**
   * Takes it out of the repository; the last link takes the object along. False when it was not there.
   * `also` is done in the same transaction.
   */
  unlink(repository: string, digest: Digest, also?: (tx: Tx) => Promise<void>): Promise<boolean>
  /** To be called by whoever changes rows of objects behind this: they are read again. */
  forget(repository: string, digest: Digest): void
}

export interface ObjectParts {
  readonly db: Db
  readonly paths: Paths
  readonly files: Files
  readonly ledger: Ledger
  readonly fresh: Fresh
  /** By digest; the sweep takes the same. */
  readonly locks: Locks
  readonly now: () => number
}

const linkKey = (repository: string, digest: string) => `${repository} ${digest}`

const same = (a: Uint8Array | undefined, b: Uint8Array) =>
  a !== undefined && Buffer.compare(a, b) === 0

export function createObjects(parts: ObjectParts): Objects {
  const { db, paths, files, ledger, fresh, locks, now } = parts
  const links = createLru<number>(LINKS, () => 1)
  const hot = createLru<Uint8Array<ArrayBuffer>>(HOT_BYTES, (bytes) => bytes.byteLength + ENTRY)

  const linkQuery = db.read
    .select({ sizeBytes: blobs.sizeBytes })
    .from(repositoryBlobs)
    .innerJoin(blobs, eq(blobs.digest, repositoryBlobs.digest))
    .where(
      and(
        eq(repositoryBlobs.repository, sql.placeholder('repository')),
        eq(repositoryBlobs.digest, sql.placeholder('digest')),
        eq(blobs.state, 'good'),
      ),
    )
    .prepare()
  const blobQuery = db.read
    .select()
    .from(blobs)
    .where(eq(blobs.digest, sql.placeholder('digest')))
    .prepare()

  const holders = async (digest: Digest, after = '') => {
    const rows = await db.read
      .select({ repository: repositoryBlobs.repository })
      .from(repositoryBlobs)
      .where(and(eq(repositoryBlobs.digest, digest), gt(repositoryBlobs.repository, after)))
      .orderBy(repositoryBlobs.repository)
      .limit(100)
    return rows.map(({ repository }) => repository)
  }

  /** Every layout shows the new copy. */
  const showAgain = async (digest: Digest): Promise<void> => {
    for (let after = ''; ; ) {
      const some = await holders(digest, after)
      for (const repository of some) await files.show(repository, digest, true)
      const last = some.at(-1)
      if (last === undefined) return
      after = last
    }
  }

  const rowsFor = (repository: string, digest: Digest, sizeBytes: number): Rows => {
    const at = now()
    return {
      repositories: [{ name: repository, createdAt: at }],
      blobs: [{ digest, sizeBytes, createdAt: at }],
      links: [{ repository, digest, linkedAt: at }],
    }
  }

  /** Writes the file, or heals it, and shows it in the repository. */
  const writeSmall = async (
    repository: string,
    digest: Digest,
    bytes: Uint8Array,
  ): Promise<Rows> => {
    const [known] = await blobQuery.all({ digest })
    if (!known) {
      await files.writeFresh(repository, digest, bytes)
      return { fresh: [{ digest, bytes: Buffer.from(bytes) }] }
    }
    const there = await readFile(paths.blob(digest)).catch(() => undefined)
    if (!same(there, bytes)) {
      await files.replace(digest, bytes)
      await showAgain(digest)
    }
    await files.show(repository, digest)
    return {}
  }

  const store: Objects = {
    known: (repository, digest) => links.get(linkKey(repository, digest)),
    find: (repository, digest) =>
      links.load(linkKey(repository, digest), async () => {
        const [row] = await linkQuery.all({ repository, digest })
        return row?.sizeBytes
      }),
    holders,
    hot: (digest) => hot.get(digest),
    async bytes(digest) {
      const bytes = await hot.load(digest, () => readFile(paths.blob(digest)))
      return bytes ?? new Uint8Array()
    },
    path: paths.blob,
    putBytes: (repository, digest, bytes, more = {}) =>
      locks.alone(digest, async () => {
        const written = await writeSmall(repository, digest, bytes)
        await ledger.add({ ...rowsFor(repository, digest, bytes.byteLength), ...written, ...more })
        if (written.fresh) fresh.note(digest, bytes.byteLength)
        else fresh.note()
        links.set(linkKey(repository, digest), bytes.byteLength)
        hot.set(digest, bytes)
      }),
    putFile: (repository, digest, path, sizeBytes) =>
      locks.alone(digest, async () => {
        const [known] = await blobQuery.all({ digest })
        await files.take(digest, path)
        if (known) await showAgain(digest)
        await files.show(repository, digest)
        await ledger.add(rowsFor(repository, digest, sizeBytes))
        fresh.note()
        links.set(linkKey(repository, digest), sizeBytes)
        hot.drop(digest)
      }),
    mount: (repository, digest) =>
      locks.alone(digest, async () => {
        const [known] = await blobQuery.all({ digest })
        if (known?.state !== 'good') return false
        const shown = await files.show(repository, digest).catch((error: unknown) => error)
        // Its file is lost: the client pushes it, which heals it.
        if (isMissing(shown)) return false
        if (shown !== undefined) throw shown
        await ledger.add(rowsFor(repository, digest, known.sizeBytes))
        fresh.note()
        links.set(linkKey(repository, digest), known.sizeBytes)
        return true
      }),
    unlink: (repository, digest, also) =>
      locks.alone(digest, async () => {
        const { removed, orphaned } = await db.write(async (tx) => {
          const gone = await tx
            .delete(repositoryBlobs)
            .where(
              and(eq(repositoryBlobs.repository, repository), eq(repositoryBlobs.digest, digest)),
            )
            .returning()
          const [other] = await tx
            .select({ repository: repositoryBlobs.repository })
            .from(repositoryBlobs)
            .where(eq(repositoryBlobs.digest, digest))
            .limit(1)
          if (!other) await tx.delete(blobs).where(eq(blobs.digest, digest))
          if (gone.length > 0) await also?.(tx)
          return { removed: gone.length > 0, orphaned: other === undefined }
        })
        links.drop(linkKey(repository, digest))
        await files.hide(repository, digest)
        if (orphaned) {
          hot.drop(digest)
          await files.remove(digest)
        }
        return removed
      }),
    forget(repository, digest) {
      links.drop(linkKey(repository, digest))
      hot.drop(digest)
    },
  }
  return store
}
