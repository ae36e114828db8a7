// SPDX-License-Identifier: AGPL-3.0-or-later
import { and, asc, eq, gt, isNull, sql } from 'drizzle-orm'
import type { Reader, Tx } from './client.ts'
import { numbered, placeholders, prepared, shapeOf } from './prepared.ts'
import { jobEvents, jobEvidence, journal } from './tables.ts'

export type EventRow = typeof jobEvents.$inferSelect
export type EvidenceRow = typeof jobEvidence.$inferSelect
export type JournalRow = typeof journal.$inferSelect

export async function addEvent(tx: Tx, row: Omit<EventRow, 'seq'>): Promise<EventRow> {
  const query = prepared(tx, `addEvent ${shapeOf(row)}`, () =>
    tx.insert(jobEvents).values(placeholders(row)).prepare(),
  )
  return numbered(row, await query.run(row))
}

export async function countEvents(
  db: Reader | Tx,
  jobId: string,
  source: EventRow['source'],
): Promise<number> {
  const query = prepared(db, `countEvents ${source}`, () =>
    db
      .select({ count: sql<number>`count(*)` })
      .from(jobEvents)
      .where(and(eq(jobEvents.jobId, sql.placeholder('jobId')), eq(jobEvents.source, source)))
      .prepare(),
  )
  return (await query.get({ jobId }))?.count ?? 0
}

export async function eventsOf(db: Reader, jobId: string, after = 0): Promise<EventRow[]> {
  const query = prepared(db, 'eventsOf', () =>
    db
      .select()
      .from(jobEvents)
      .where(
        and(
          eq(jobEvents.jobId, sql.placeholder('jobId')),
          gt(jobEvents.seq, sql.placeholder('after')),
        ),
      )
      .orderBy(asc(jobEvents.seq))
      .prepare(),
  )
  return query.all({ jobId, after })
}

export async function addEvidence(tx: Tx, row: Omit<EvidenceRow, 'seq'>): Promise<EvidenceRow> {
  const query = prepared(tx, `addEvidence ${shapeOf(row)}`, () =>
    tx.insert(jobEvidence).values(placeholders(row)).prepare(),
  )
  return numbered(row, await query.run(row))
}

export async function evidenceOf(db: Reader, jobId: string, after = 0): Promise<EvidenceRow[]> {
  const query = prepared(db, 'evidenceOf', () =>
    db
      .select()
      .from(jobEvidence)
      .where(
        and(
          eq(jobEvidence.jobId, sql.placeholder('jobId')),
          gt(jobEvidence.seq, sql.placeholder('after')),
        ),
      )
      .orderBy(asc(jobEvidence.seq))
      .prepare(),
  )
  return query.all({ jobId, after })
}

export async function beginStep(
  tx: Tx,
  row: { jobId: string; launch: number; step: string; begunAt: number },
): Promise<number> {
  const query = prepared(tx, 'beginStep', () =>
    tx.insert(journal).values(placeholders(row)).prepare(),
  )
  return numbered(row, await query.run(row)).seq
}

export async function endStep(
  tx: Tx,
  seq: number,
  end: { endedAt: number; outcome: 'done' | 'failed'; code: string | null },
): Promise<void> {
  const query = prepared(tx, `endStep ${shapeOf(end)}`, () =>
    tx
      .update(journal)
      .set(placeholders(end))
      .where(and(eq(journal.seq, sql.placeholder('of')), isNull(journal.outcome)))
      .prepare(),
  )
  await query.run({ ...end, of: seq })
}

/** In order of beginning. */
export async function journalOf(db: Reader | Tx, jobId: string): Promise<JournalRow[]> {
  const query = prepared(db, 'journalOf', () =>
    db
      .select()
      .from(journal)
      .where(eq(journal.jobId, sql.placeholder('jobId')))
      .orderBy(asc(journal.seq))
      .prepare(),
  )
  return query.all({ jobId })
}
