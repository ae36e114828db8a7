// SPDX-License-Identifier: AGPL-3.0-or-later
import { eq, sql } from 'drizzle-orm'
import type { Db } from '../../core/store/client.ts'
import { SECOND } from '../../core/units.ts'
import type { OciQuotaRule } from '../../schemas/oci-admin.ts'
import { createGlob } from './care-glob.ts'
import { ociFaults } from './errors.ts'
import { blobs, repositoryBlobs } from './tables.ts'

/** A quota with what its repositories hold together. */
export interface QuotaUse {
  readonly repositories: string
  readonly limitBytes: number
  readonly usedBytes: number
}

/** Room that somebody took for bytes to come; it counts until `release`. */
export interface Reservation {
  /** Takes more. Throws `oci.denied` when that is beyond the quota; what was taken stays taken. */
  grow(bytes: number): void
  release(): void
}

export interface Quota {
  /** Throws `oci.denied` when so many bytes more do not fit; otherwise they are taken. */
  reserve(repository: string, bytes: number): Promise<Reservation>
  /** The fullest quota of a repository; undefined where none applies. */
  of(repository: string): Promise<QuotaUse | undefined>
  uses(): Promise<readonly QuotaUse[]>
  /** Counts anew at the next question: rules or rows changed. */
  forget(): void
}

export interface QuotaParts {
  readonly db: Db
  readonly rules: () => readonly OciQuotaRule[]
  /** What uploads hold that are open and idle. */
  readonly uploads: () => Iterable<{ readonly repository: string; readonly bytes: number }>
  /** Monotonic, in ms. */
  readonly clock?: () => number
}

/** What was stored within this time is counted by its reservation. */
const COUNT_EVERY_MS = SECOND

interface Held {
  readonly repository: string
  bytes: number
  /** When it was let go; until a later count it stands for what it became. */
  releasedAt: number | undefined
}

interface Counted {
  readonly at: number
  readonly bytesByRepository: ReadonlyMap<string, number>
}

/** Bytes that the links of each repository sum up to, its manifests among them. */
async function countBytes(db: Db): Promise<ReadonlyMap<string, number>> {
  const rows = await db.read
    .select({
      repository: repositoryBlobs.repository,
      bytes: sql<number>`sum(${blobs.sizeBytes})`,
    })
    .from(repositoryBlobs)
    .innerJoin(blobs, eq(blobs.digest, repositoryBlobs.digest))
    .groupBy(repositoryBlobs.repository)
  return new Map(rows.map(({ repository, bytes }) => [repository, bytes]))
}

export function createQuota(parts: QuotaParts): Quota {
  const { db, rules, uploads, clock = () => performance.now() } = parts
  const held = new Set<Held>()
  let counted: Counted | undefined
  let counting: Promise<Counted> | undefined

  const count = async (): Promise<Counted> => {
    const at = clock()
    const bytesByRepository = await countBytes(db)
    for (const one of held) {
      if (one.releasedAt !== undefined && one.releasedAt < at) held.delete(one)
    }
    counted = { at, bytesByRepository }
    return counted
  }
  const recent = async (): Promise<Counted> => {
    if (counted && clock() - counted.at < COUNT_EVERY_MS) return counted
    counting ??= count().finally(() => {
      counting = undefined
    })
    return counting
  }

  const useOf = (rule: OciQuotaRule, { bytesByRepository }: Counted): QuotaUse => {
    const isMeant = createGlob(rule.repositories)
    let usedBytes = 0
    for (const [repository, bytes] of bytesByRepository) if (isMeant(repository)) usedBytes += bytes
    for (const { repository, bytes } of held) if (isMeant(repository)) usedBytes += bytes
    for (const { repository, bytes } of uploads()) if (isMeant(repository)) usedBytes += bytes
    return { repositories: rule.repositories, limitBytes: rule.limit_bytes, usedBytes }
  }
  const applying = (repository: string) =>
    rules().filter((rule) => createGlob(rule.repositories)(repository))

  const refuse = (repository: string, use: QuotaUse, bytes: number): never => {
    const left = Math.max(0, use.limitBytes - use.usedBytes)
    throw ociFaults.denied(
      `quota of ${use.repositories} exceeded: ${bytes} bytes more for ${repository}, and ${left} of ` +
        `${use.limitBytes} are left; delete tags and run the garbage collection, or ask for a larger quota`,
    )
  }
  const judge = (repository: string, bytes: number, at: Counted): void => {
    for (const rule of applying(repository)) {
      const use = useOf(rule, at)
      if (use.usedBytes + bytes > use.limitBytes) refuse(repository, use, bytes)
    }
  }

  return {
    async reserve(repository, bytes) {
      if (applying(repository).length > 0) judge(repository, bytes, await recent())
      const one: Held = { repository, bytes, releasedAt: undefined }
      held.add(one)
      return {
        grow(more) {
          if (counted) judge(repository, more, counted)
          one.bytes += more
        },
        release() {
          one.releasedAt ??= clock()
          // Where nobody counts, nothing has to be remembered.
          if (rules().length === 0) held.delete(one)
        },
      }
    },
    async of(repository) {
      const mine = applying(repository)
      if (mine.length === 0) return undefined
      const at = await recent()
      const share = ({ usedBytes, limitBytes }: QuotaUse) => usedBytes / Math.max(1, limitBytes)
      return mine.map((rule) => useOf(rule, at)).toSorted((a, b) => share(b) - share(a))[0]
    },
    async uses() {
      const at = await recent()
      return rules().map((rule) => useOf(rule, at))
    },
    forget() {
      counted = undefined
    },
  }
}
