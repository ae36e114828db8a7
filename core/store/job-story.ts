// SPDX-License-Identifier: AGPL-3.0-or-later
import { and, asc, eq, gt, isNull, sql } from 'drizzle-orm'
import type { Reader, Tx } from './client.ts'
import { jobEvents, jobEvidence, journal } from './tables.ts'

export type EventRow = typeof jobEvents.$inferSelect
export type EvidenceRow = typeof jobEvidence.$inferSelect
export type JournalRow = typeof journal.$inferSelect

export async function addEvent(
  tx: Tx,
  row: Omit<typeof jobEvents.$inferInsert, 'seq'>,
): Promise<EventRow> {
  const [stored] = await tx.insert(jobEvents).values(row).returning()
  if (!stored) throw new Error('the event was not stored')
  return stored
}

export async function countEvents(
  db: Reader | Tx,
  jobId: string,
  source: EventRow['source'],
): Promise<number> {
  const rows = await db
    .select({ count: sql<number>`count(*)` })
    .from(jobEvents)
    .where(and(eq(jobEvents.jobId, jobId), eq(jobEvents.source, source)))
  return rows[0]?.count ?? 0
}

export async function eventsOf(db: Reader, jobId: string, after = 0): Promise<EventRow[]> {
  return db
    .select()
    .from(jobEvents)
    .where(and(eq(jobEvents.jobId, jobId), gt(jobEvents.seq, after)))
    .orderBy(asc(jobEvents.seq))
}

/** In their order; at least one. */
export async function addEvidence(
  tx: Tx,
  rows: readonly Omit<typeof jobEvidence.$inferInsert, 'seq'>[],
): Promise<EvidenceRow[]> {
  const stored = await tx
    .insert(jobEvidence)
    .values([...rows])
    .returning()
  // SQLite promises no order for what RETURNING gives.
  return stored.sort((a, b) => a.seq - b.seq)
}

export async function evidenceOf(db: Reader, jobId: string, after = 0): Promise<EvidenceRow[]> {
  return db
    .select()
    .from(jobEvidence)
    .where(and(eq(jobEvidence.jobId, jobId), gt(jobEvidence.seq, after)))
    .orderBy(asc(jobEvidence.seq))
}

export async function beginStep(
  tx: Tx,
  row: { jobId: string; launch: number; step: string; begunAt: number },
): Promise<number> {
  const [stored] = await tx.insert(journal).values(row).returning({ seq: journal.seq })
  if (!stored) throw new Error('the step was not journalled')
  return stored.seq
}

export async function endStep(
  tx: Tx,
  seq: number,
  end: { endedAt: number; outcome: 'done' | 'failed'; code: string | null },
): Promise<void> {
  await tx
    .update(journal)
    .set(end)
    .where(and(eq(journal.seq, seq), isNull(journal.outcome)))
}

/** In order of beginning. */
export async function journalOf(db: Reader | Tx, jobId: string): Promise<JournalRow[]> {
  return db.select().from(journal).where(eq(journal.jobId, jobId)).orderBy(asc(journal.seq))
}
