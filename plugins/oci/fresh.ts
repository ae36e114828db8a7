// SPDX-License-Identifier: AGPL-3.0-or-later
import { eq, inArray } from 'drizzle-orm'
import type { Logger } from '../../core/log.ts'
import type { Db } from '../../core/store/client.ts'
import { SECOND } from '../../core/units.ts'
import { type Digest, isDigest } from './digest.ts'
import type { Disk } from './disk.ts'
import type { Files } from './files.ts'
import type { Paths } from './paths.ts'
import { blobs, freshBytes, repositoryBlobs } from './tables.ts'

/** One sync for what came in this time. */
const SYNC_EVERY_MS = 2 * SECOND
/** Rows deleted by one statement. */
const ROWS = 500

/** Small objects whose bytes stand in the database until the file system was synced. */
export interface Fresh extends AsyncDisposable {
  /** A committed object whose file was not synced. */
  note(digest: Digest): void
  /** After a crash: writes the files again that the disk may have lost. Returns how many. */
  restore(): Promise<number>
  /** Syncs now, and clears the rows. */
  settle(): Promise<void>
}

export interface FreshParts {
  readonly db: Db
  readonly disk: Disk
  readonly files: Files
  readonly paths: Paths
  readonly log: Logger
}

export function createFresh({ db, disk, files, paths, log }: FreshParts): Fresh {
  let noted: Digest[] = []
  let timer: ReturnType<typeof setTimeout> | undefined
  let settling: Promise<void> = Promise.resolve()

  const clear = async (digests: readonly Digest[]): Promise<void> => {
    await disk.sync(paths.root)
    for (let at = 0; at < digests.length; at += ROWS) {
      const some = digests.slice(at, at + ROWS)
      await db.write((tx) => tx.delete(freshBytes).where(inArray(freshBytes.digest, some)))
    }
  }
  const settle = (): Promise<void> => {
    clearTimeout(timer)
    timer = undefined
    const digests = noted
    noted = []
    settling = settling.then(async () => {
      if (digests.length > 0) await clear(digests)
    })
    // The next sync does it, or the next start: the rows are kept until then.
    settling = settling.catch((err: unknown) => {
      noted.push(...digests)
      log.warn(
        { err },
        'the file system could not be synced; its newest objects stay in the database',
      )
    })
    return settling
  }

  return {
    note(digest) {
      noted.push(digest)
      timer ??= setTimeout(settle, SYNC_EVERY_MS)
    },
    settle,
    async restore() {
      const rows = await db.read.select({ digest: freshBytes.digest }).from(freshBytes)
      const restored: Digest[] = []
      for (const { digest } of rows) {
        if (!isDigest(digest)) continue
        const [row] = await db.read
          .select({ bytes: freshBytes.bytes })
          .from(freshBytes)
          .innerJoin(blobs, eq(blobs.digest, freshBytes.digest))
          .where(eq(freshBytes.digest, digest))
        restored.push(digest)
        // Deleted since: its row goes without it.
        if (!row) continue
        await files.writeFresh(digest, row.bytes)
        const holders = await db.read
          .select({ repository: repositoryBlobs.repository })
          .from(repositoryBlobs)
          .where(eq(repositoryBlobs.digest, digest))
        for (const { repository } of holders) await files.show(repository, digest, true)
      }
      if (restored.length > 0) await clear(restored)
      return restored.length
    },
    async [Symbol.asyncDispose]() {
      await settle()
      clearTimeout(timer)
    },
  }
}
