// SPDX-License-Identifier: AGPL-3.0-or-later
import { eq, sql } from 'drizzle-orm'
import type { Db } from '../../../core/store/client.ts'
import { SECOND } from '../../../core/units.ts'
import type { OciQuotaRule } from '../../../schemas/oci-admin.ts'
import { ociFaults } from '../errors.ts'
import { blobs, repositoryBlobs } from '../tables.ts'
import { createGlob, type Glob } from './care-glob.ts'

/** A quota with what its repositories hold together. */
export interface QuotaUse {
  readonly repositories: string
  readonly limitBytes: number
  readonly usedBytes: number
}

/** An upload session that holds bytes. */
export interface OpenUpload {
  readonly id: string
  readonly repository: string
  readonly sizeBytes: number
}

/** Room that an upload took for bytes to come. */
export interface Reservation {
  /** Takes more. Throws `oci.denied` when that is beyond the quota; what was taken stays taken. */
  grow(bytes: number): void
  /** The bytes are stored now: they count as such from the next count on, and as this until then. */
  stored(): void
  /** Gives it back: the upload ended, or its session holds the bytes. */
  release(): void
}

export interface Quota {
  /** Throws `oci.denied` when so many bytes more do not fit; otherwise they are taken. */
  reserve(repository: string, bytes: number, upload?: OpenUpload): Promise<Reservation>
  /** Is there a quota that counts this repository? */
  applies(repository: string): boolean
  /** The fullest quota of a repository, as it was last counted; undefined where none applies. */
  fullest(repository: string): QuotaUse | undefined
  uses(): Promise<readonly QuotaUse[]>
  /** Told of each push that did not fit. */
  onRefused(watch: (repository: string, use: QuotaUse, bytes: number) => void): void
  /** Something went: the next question counts anew. */
  forget(): void
}

export interface QuotaParts {
  readonly db: Db
  readonly rules: () => readonly OciQuotaRule[]
  readonly uploads: () => readonly OpenUpload[]
  /** Monotonic, in ms. */
  readonly clock?: () => number
}

/** What was stored within this time is counted by its reservation. */
const COUNT_EVERY_MS = SECOND

interface Held {
  readonly repository: string
  /** Its session's bytes are among those of this. */
  readonly upload: string | undefined
  bytes: number
  /** When they were stored; a later count has them. */
  storedAt: number | undefined
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

interface Compiled {
  readonly rule: OciQuotaRule
  readonly isMeant: Glob
}

const share = ({ usedBytes, limitBytes }: QuotaUse) => usedBytes / Math.max(1, limitBytes)

export function createQuota(parts: QuotaParts): Quota {
  const { db, rules, uploads, clock = () => performance.now() } = parts
  const held = new Set<Held>()
  const watchers: Parameters<Quota['onRefused']>[0][] = []
  let counted: Counted | undefined
  let counting: Promise<Counted> | undefined
  let compiledFrom: readonly OciQuotaRule[] | undefined
  let compiled: readonly Compiled[] = []

  const all = (): readonly Compiled[] => {
    if (compiledFrom !== rules()) {
      compiledFrom = rules()
      compiled = compiledFrom.map((rule) => ({ rule, isMeant: createGlob(rule.repositories) }))
    }
    return compiled
  }
  const applying = (repository: string): readonly Compiled[] => {
    const compiledRules = all()
    return compiledRules.length === 0
      ? compiledRules
      : compiledRules.filter(({ isMeant }) => isMeant(repository))
  }

  const count = async (): Promise<Counted> => {
    const at = clock()
    const bytesByRepository = await countBytes(db)
    for (const one of held) {
      if (one.storedAt !== undefined && one.storedAt < at) held.delete(one)
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

  const useOf = ({ rule, isMeant }: Compiled, { bytesByRepository }: Counted): QuotaUse => {
    let usedBytes = 0
    const sessions = new Set<string>()
    for (const [repository, bytes] of bytesByRepository) if (isMeant(repository)) usedBytes += bytes
    for (const { repository, bytes, upload } of held) {
      if (!isMeant(repository)) continue
      usedBytes += bytes
      if (upload !== undefined) sessions.add(upload)
    }
    for (const { id, repository, sizeBytes } of uploads()) {
      if (isMeant(repository) && !sessions.has(id)) usedBytes += sizeBytes
    }
    return { repositories: rule.repositories, limitBytes: rule.limit_bytes, usedBytes }
  }

  const judge = (repository: string, bytes: number, at: Counted): void => {
    for (const one of applying(repository)) {
      const use = useOf(one, at)
      if (use.usedBytes + bytes <= use.limitBytes) continue
      const left = Math.max(0, use.limitBytes - use.usedBytes)
      for (const watch of watchers) watch(repository, use, bytes)
      throw ociFaults.denied(
        `quota of ${use.repositories} exceeded: ${bytes} bytes more for ${repository}, and ${left} of ` +
          `${use.limitBytes} are left; delete tags and run the garbage collection, or ask for a larger quota`,
      )
    }
  }
  const hold = (one: Held): Held => {
    if (all().length > 0) held.add(one)
    return one
  }

  return {
    applies: (repository) => applying(repository).length > 0,
    async reserve(repository, bytes, upload) {
      // Judged and held at a stretch: two that wait for one count must not get the same room.
      if (applying(repository).length > 0) judge(repository, bytes, await recent())
      const one = hold({
        ...{ repository, upload: upload?.id, storedAt: undefined },
        bytes: bytes + (upload?.sizeBytes ?? 0),
      })
      return {
        grow(more) {
          if (counted) judge(repository, more, counted)
          one.bytes += more
        },
        stored() {
          one.storedAt ??= clock()
        },
        release() {
          if (one.storedAt === undefined) held.delete(one)
        },
      }
    },
    fullest(repository) {
      const mine = applying(repository)
      if (mine.length === 0) return undefined
      // Asked at every pull: it may be a second old, and the next one is counted in the background.
      // A count that fails is told to the next push.
      void recent().catch(() => undefined)
      const at = counted
      if (!at) return undefined
      return mine.map((one) => useOf(one, at)).toSorted((a, b) => share(b) - share(a))[0]
    },
    forget() {
      counted = undefined
    },
    onRefused: (watch) => void watchers.push(watch),
    async uses() {
      const at = await recent()
      return all().map((one) => useOf(one, at))
    },
  }
}
