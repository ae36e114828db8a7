// SPDX-License-Identifier: AGPL-3.0-or-later
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { eq, gte, sql } from 'drizzle-orm'
import type { Logger } from '../../../core/log.ts'
import type { Db } from '../../../core/store/client.ts'
import { MINUTE, MiB, SECOND } from '../../../core/units.ts'
import { blobs, freshBytes, repositoryBlobs } from '../tables.ts'
import { type Digest, isDigest } from './digest.ts'
import type { Disk } from './disk.ts'
import { type Files, isMissing } from './files.ts'
import type { Paths } from './paths.ts'

/** One sync for what came in this time: it waits for all that anybody wrote to the file system. */
const SYNC_EVERY_MS = 10 * SECOND
/** So many bytes in the database do not wait for it. */
const MOST_BYTES = 32 * MiB
/** Rows deleted by one statement. */
const ROWS = 500

/** Links younger than the last sync by the clock, and so much older ones, are looked at after a start. */
const MARGIN_MS = MINUTE

/** What stands in the database and may not have reached the file system: small objects, and links of layouts. */
export interface Fresh extends AsyncDisposable {
  /** A committed object of so many bytes whose file was not synced; without one: a link of a layout. */
  note(digest?: Digest, sizeBytes?: number): void
  /** After a crash: writes what the disk may have lost again. Returns how many objects. */
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
  readonly now: () => number
}

export function createFresh({ db, disk, files, paths, log, now }: FreshParts): Fresh {
  /** Holds the time of the last sync, Unix ms. */
  const marker = join(paths.root, 'synced')
  let noted: Digest[] = []
  let notedBytes = 0
  let owed = false
  let timer: ReturnType<typeof setTimeout> | undefined
  let settling: Promise<void> = Promise.resolve()

  const clear = async (digests: readonly Digest[]): Promise<void> => {
    const at = now()
    await disk.sync(paths.root)
    for (let from = 0; from < digests.length; from += ROWS) {
      const some = digests.slice(from, from + ROWS)
      const named = sql`${freshBytes.digest} in (select value from json_each(${JSON.stringify(some)}))`
      await db.write((tx) => tx.delete(freshBytes).where(named))
    }
    await writeFile(marker, String(at))
  }
  const settle = (): Promise<void> => {
    clearTimeout(timer)
    timer = undefined
    notedBytes = 0
    settling = settling.then(async () => {
      if (!owed) return
      const digests = noted
      noted = []
      owed = false
      try {
        await clear(digests)
      } catch (err) {
        // The next sync does it, or the next start: the rows are kept until then.
        noted.push(...digests)
        owed = true
        log.warn(
          { err },
          'the file system could not be synced; its newest objects stay in the database',
        )
      }
    })
    return settling
  }

  /** Writes one object again. False: it was deleted since. */
  const rewrite = async (digest: Digest): Promise<boolean> => {
    const [row] = await db.read
      .select({ bytes: freshBytes.bytes })
      .from(freshBytes)
      .innerJoin(blobs, eq(blobs.digest, freshBytes.digest))
      .where(eq(freshBytes.digest, digest))
    if (!row) return false
    const holders = await db.read
      .select({ repository: repositoryBlobs.repository })
      .from(repositoryBlobs)
      .where(eq(repositoryBlobs.digest, digest))
    const [first] = holders
    if (!first) return false
    await files.writeFresh(first.repository, digest, row.bytes)
    for (const { repository } of holders) await files.show(repository, digest, true)
    return true
  }

  /** Layouts show again what was linked since the last sync. */
  const showLinks = async (): Promise<void> => {
    const text = await readFile(marker, 'utf8').catch(() => '0')
    const since = (Number(text) || 0) - MARGIN_MS
    const rows = await db.read
      .select({ repository: repositoryBlobs.repository, digest: repositoryBlobs.digest })
      .from(repositoryBlobs)
      .where(gte(repositoryBlobs.linkedAt, since))
    let lost = 0
    for (const { repository, digest } of rows) {
      if (!isDigest(digest)) continue
      await files.show(repository, digest).catch((error: unknown) => {
        if (!isMissing(error)) throw error
        lost++
      })
    }
    if (lost > 0) log.error({ lost }, 'files of objects are missing: a scrub names them')
  }

  return {
    note(digest, sizeBytes = 0) {
      if (digest) noted.push(digest)
      owed = true
      notedBytes += sizeBytes
      if (notedBytes > MOST_BYTES) void settle()
      else timer ??= setTimeout(settle, SYNC_EVERY_MS)
    },
    settle,
    async restore() {
      const rows = await db.read.select({ digest: freshBytes.digest }).from(freshBytes)
      const digests = rows.map(({ digest }) => digest).filter(isDigest)
      let written = 0
      for (const digest of digests) if (await rewrite(digest)) written++
      await showLinks()
      if (digests.length > 0) await clear(digests)
      return written
    },
    async [Symbol.asyncDispose]() {
      await settle()
      clearTimeout(timer)
    },
  }
}
