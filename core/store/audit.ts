// SPDX-License-Identifier: AGPL-3.0-or-later
import { and, desc, eq, gte, lt } from 'drizzle-orm'
import type { Reader, Tx } from './client.ts'
import { numbered, placeholders, prepared, shapeOf } from './prepared.ts'
import { audit } from './tables.ts'

export type AuditRow = typeof audit.$inferSelect
export type NewAuditRow = Omit<typeof audit.$inferInsert, 'seq'>

/** Returns the row's number. */
export async function addAudit(tx: Tx, row: NewAuditRow): Promise<number> {
  const query = prepared(tx, `addAudit ${shapeOf(row)}`, () =>
    tx.insert(audit).values(placeholders(row)).prepare(),
  )
  return numbered(row, await query.run({ ...row })).seq
}

/** What came of a call that was written down with its effect. */
export async function endAudit(tx: Tx, seq: number, row: NewAuditRow): Promise<void> {
  const { jobId, serial, userName, status, code } = row
  await tx.update(audit).set({ jobId, serial, userName, status, code }).where(eq(audit.seq, seq))
}

export interface AuditFilter {
  /** Unix ms. */
  readonly since?: number | undefined
  readonly principal?: string | undefined
  readonly jobId?: string | undefined
  readonly serial?: string | undefined
  readonly beforeSeq?: number | undefined
  readonly limit: number
}

/** Newest first. */
export async function listAudit(db: Reader, filter: AuditFilter): Promise<readonly AuditRow[]> {
  const { since, principal, jobId, serial, beforeSeq } = filter
  return db
    .select()
    .from(audit)
    .where(
      and(
        since === undefined ? undefined : gte(audit.at, since),
        principal === undefined ? undefined : eq(audit.principal, principal),
        jobId === undefined ? undefined : eq(audit.jobId, jobId),
        serial === undefined ? undefined : eq(audit.serial, serial),
        beforeSeq === undefined ? undefined : lt(audit.seq, beforeSeq),
      ),
    )
    .orderBy(desc(audit.seq))
    .limit(filter.limit)
}

/** Removes what was written before `before`, Unix ms. */
export async function pruneAudit(tx: Tx, before: number): Promise<void> {
  await tx.delete(audit).where(lt(audit.at, before))
}
