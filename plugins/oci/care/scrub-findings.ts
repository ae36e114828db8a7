// SPDX-License-Identifier: AGPL-3.0-or-later
import { and, desc, eq, isNotNull, isNull, lt, ne, notInArray } from 'drizzle-orm'
import type { Db, Reader } from '../../../core/store/client.ts'
import type { OciFinding } from '../../../schemas/oci-report.ts'
import { findings, type RepairedBy } from '../tables.ts'
import type { Problem } from './fsck-object.ts'

/** What was found damaged, and what became of it. */
export interface Findings {
  /** Notes each that is not noted yet, and gives them as they stand. */
  note(problems: readonly Problem[]): Promise<readonly OciFinding[]>
  /** What was open about this object is mended. */
  mended(digest: string, by: RepairedBy): Promise<void>
  /** Rows that contradicted themselves and do so no more: all but these. */
  rowsMended(still: readonly OciFinding[]): Promise<void>
  /** What was open about this repository as a whole is mended. */
  repositoryMended(repository: string, by: RepairedBy): Promise<void>
  /** Is something open about it? By what this process knows. */
  isOpen(digest: string): boolean
  list(filter: { state?: 'open' | 'repaired'; limit: number }): Promise<readonly OciFinding[]>
  /** How many are open, strays apart: they harm nobody. */
  openCount(): Promise<number>
  load(): Promise<void>
  /** Mended ones from before this time, in Unix ms, are forgotten. */
  prune(before: number): Promise<void>
}

type Row = typeof findings.$inferSelect

/** An object with such a finding is not served. */
const QUARANTINES = new Set(['content', 'size', 'missing'])

const view = (row: Row): OciFinding => ({
  ...{ id: row.id, kind: row.kind, detail: row.detail },
  ...(row.digest === '' ? {} : { digest: row.digest }),
  ...(row.repository === '' ? {} : { repository: row.repository }),
  found_at: new Date(row.foundAt).toISOString(),
  quarantined: row.repairedAt === null && QUARANTINES.has(row.kind),
  ...(row.repairedAt === null ? {} : { repaired_at: new Date(row.repairedAt).toISOString() }),
  ...(row.repairedBy === null ? {} : { repaired_by: row.repairedBy }),
})

/** A problem as it is told by a check that notes nothing. */
export const unnoted = (problem: Problem, now: number): OciFinding => ({
  ...{ id: Bun.randomUUIDv7(), found_at: new Date(now).toISOString(), quarantined: false },
  ...problem,
})

const isSame = (row: Row, { kind, digest = '', repository = '', detail }: Problem) =>
  row.kind === kind &&
  row.digest === digest &&
  row.repository === repository &&
  // Of one object or layout there is one finding of a kind; of strays and rows there may be many.
  (digest !== '' || row.detail === detail)

export function createFindings(db: Db, now: () => number): Findings {
  const open = new Set<string>()

  const openRows = (read: Reader, digest: string) =>
    read
      .select()
      .from(findings)
      .where(and(eq(findings.digest, digest), isNull(findings.repairedAt)))

  const noteOne = async (problem: Problem): Promise<OciFinding> => {
    const { kind, digest = '', repository = '', detail } = problem
    const known = (await openRows(db.read, digest)).find((row) => isSame(row, problem))
    if (known) return view(known)
    const row: Row = {
      ...{ id: Bun.randomUUIDv7(), kind, digest, repository, detail, foundAt: now() },
      ...{ repairedAt: null, repairedBy: null },
    }
    await db.write((tx) => tx.insert(findings).values(row))
    if (digest !== '') open.add(digest)
    return view(row)
  }
  const mend = (where: ReturnType<typeof eq>, repairedBy: RepairedBy) =>
    db.write((tx) =>
      tx
        .update(findings)
        .set({ repairedAt: now(), repairedBy })
        .where(and(where, isNull(findings.repairedAt))),
    )

  return {
    isOpen: (digest) => open.has(digest),
    async note(problems) {
      const noted: OciFinding[] = []
      for (const problem of problems) noted.push(await noteOne(problem))
      return noted
    },
    async mended(digest, by) {
      await mend(eq(findings.digest, digest), by)
      open.delete(digest)
    },
    async rowsMended(still) {
      const ids = still.map(({ id }) => id)
      await db.write((tx) =>
        tx
          .update(findings)
          .set({ repairedAt: now(), repairedBy: 'row' })
          .where(
            and(
              eq(findings.kind, 'row'),
              isNull(findings.repairedAt),
              notInArray(findings.id, ids),
            ),
          ),
      )
    },
    async repositoryMended(repository, by) {
      const here = and(eq(findings.repository, repository), eq(findings.digest, ''))
      if (here) await mend(here, by)
    },
    async list({ state, limit }) {
      const where =
        state === undefined
          ? undefined
          : state === 'open'
            ? isNull(findings.repairedAt)
            : isNotNull(findings.repairedAt)
      const rows = await db.read
        .select()
        .from(findings)
        .where(where)
        .orderBy(desc(findings.foundAt), desc(findings.id))
        .limit(limit)
      return rows.map(view)
    },
    openCount: () =>
      db.read.$count(findings, and(isNull(findings.repairedAt), ne(findings.kind, 'stray'))),
    async load() {
      const rows = await db.read
        .selectDistinct({ digest: findings.digest })
        .from(findings)
        .where(isNull(findings.repairedAt))
      for (const { digest } of rows) if (digest !== '') open.add(digest)
    },
    async prune(before) {
      await db.write((tx) =>
        tx
          .delete(findings)
          .where(and(isNotNull(findings.repairedAt), lt(findings.repairedAt, before))),
      )
    },
  }
}
