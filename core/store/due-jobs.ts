// SPDX-License-Identifier: AGPL-3.0-or-later
/** Rows of jobs as the runner asks for them: when each is due, and who works on it. */
import {
  and,
  asc,
  eq,
  isNotNull,
  isNull,
  lt,
  lte,
  ne,
  or,
  type Placeholder,
  sql,
} from 'drizzle-orm'
import type { Job } from '../jobs/job.ts'
import type { Reader, Tx } from './client.ts'
import { placeholders, prepared } from './prepared.ts'
import { jobs, machines } from './tables.ts'

/** Due, and held by nobody. */
const isFree = (now: Placeholder) =>
  and(
    isNotNull(jobs.nextCheckAt),
    lte(jobs.nextCheckAt, now),
    or(isNull(jobs.leaseUntil), lt(jobs.leaseUntil, now)),
  )

/** Ids of rows that are due and that nobody holds, oldest first. */
export async function dueJobs(db: Reader, now: number, limit: number): Promise<readonly string[]> {
  const query = prepared(db, 'dueJobs', () =>
    db
      .select({ id: jobs.id })
      .from(jobs)
      .where(isFree(sql.placeholder('now')))
      .orderBy(asc(jobs.nextCheckAt), asc(jobs.createdAt))
      .limit(sql.placeholder('limit'))
      .prepare(),
  )
  return (await query.all({ now, limit })).map(({ id }) => id)
}

/** When the next row will be due, in Unix ms. */
export async function nextDue(db: Reader): Promise<number | undefined> {
  const query = prepared(db, 'nextDue', () =>
    db
      .select({ at: sql<number | null>`min(${jobs.nextCheckAt})` })
      .from(jobs)
      .where(and(isNotNull(jobs.nextCheckAt), isNull(jobs.leaseOwner)))
      .prepare(),
  )
  return (await query.get())?.at ?? undefined
}

/** Takes a due row for `owner`; undefined when somebody else was faster. */
export async function leaseJob(
  tx: Tx,
  id: string,
  owner: string,
  now: number,
  until: number,
): Promise<Job | undefined> {
  const change = { leaseOwner: owner, leaseUntil: until }
  const query = prepared(tx, 'leaseJob', () =>
    tx
      .update(jobs)
      .set(placeholders(change))
      .where(and(eq(jobs.id, sql.placeholder('of')), isFree(sql.placeholder('now'))))
      .returning()
      .prepare(),
  )
  return query.get({ ...change, of: id, now })
}

export async function renewJob(tx: Tx, id: string, owner: string, until: number): Promise<void> {
  await tx
    .update(jobs)
    .set({ leaseUntil: until })
    .where(and(eq(jobs.id, id), eq(jobs.leaseOwner, owner)))
}

export async function releaseJob(tx: Tx, id: string, owner: string): Promise<void> {
  const query = prepared(tx, 'releaseJob', () =>
    tx
      .update(jobs)
      .set({ leaseOwner: null, leaseUntil: null })
      .where(and(eq(jobs.id, sql.placeholder('of')), eq(jobs.leaseOwner, sql.placeholder('owner'))))
      .prepare(),
  )
  await query.run({ of: id, owner })
}

/**
 * After a start: nobody else runs on this database, so every lease is stale; and the time that the
 * appliance was down counts towards no deadline.
 * Returns the jobs that are not over.
 */
export async function adoptJobs(tx: Tx, downMs: number): Promise<readonly string[]> {
  await tx.update(jobs).set({ leaseOwner: null, leaseUntil: null })
  await tx.update(machines).set({ leaseOwner: null, leaseUntil: null })
  const adopted = await tx
    .update(jobs)
    .set({ pausedMs: sql`${jobs.pausedMs} + ${downMs}` })
    .where(ne(jobs.status, 'complete'))
    .returning({ id: jobs.id })
  return adopted.map(({ id }) => id)
}

/** Times that deadlines count from. */
const COUNTED = [
  'powerOnBegunAt',
  'poweredOnAt',
  'firstReadAt',
  'lastFreshReadAt',
  'claimedAt',
  'heardAt',
  'reportedAt',
  'settleBegunAt',
] as const

/**
 * The clock was set by `ms`: what deadlines count from moves with it, and everything that waits is
 * looked at anew. Returns the jobs that are not over.
 */
export async function shiftJobs(tx: Tx, ms: number, now: number): Promise<readonly string[]> {
  const shifted = COUNTED.map((name) => [name, sql`${jobs[name]} + ${ms}`])
  const rows = await tx
    .update(jobs)
    .set(Object.fromEntries(shifted))
    .where(or(ne(jobs.status, 'complete'), eq(jobs.cleanup, 'pending')))
    .returning({ id: jobs.id })
  await tx.update(jobs).set({ nextCheckAt: now }).where(isNotNull(jobs.nextCheckAt))
  return rows.map(({ id }) => id)
}
