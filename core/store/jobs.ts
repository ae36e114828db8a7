// SPDX-License-Identifier: AGPL-3.0-or-later
import { and, asc, desc, eq, inArray, isNotNull, isNull, lt, ne, or, sql } from 'drizzle-orm'
import type { JobResult, JobStatus } from '../../schemas/job.ts'
import type { Job, NextStatus } from '../jobs/job.ts'
import type { Reader, Tx } from './client.ts'
import { hasLabel } from './machines.ts'
import { placeholders, prepared, shapeOf } from './prepared.ts'
import {
  deliveries,
  jobDocuments,
  jobEvents,
  jobEvidence,
  jobs,
  journal,
  machines,
} from './tables.ts'

export type NewJob = typeof jobs.$inferInsert
export type JobDocuments = typeof jobDocuments.$inferSelect
export type JobChange = Partial<Omit<Job, 'id' | 'machineId' | 'status' | 'createdAt'>>

export async function findJob(db: Reader | Tx, id: string): Promise<Job | undefined> {
  const query = prepared(db, 'findJob', () =>
    db
      .select()
      .from(jobs)
      .where(eq(jobs.id, sql.placeholder('id')))
      .prepare(),
  )
  return query.get({ id })
}

/** For those who ask often and need no more: the whole row is wide. */
export async function standingOf(
  db: Reader | Tx,
  id: string,
): Promise<Pick<Job, 'status' | 'poweredOnAt'> | undefined> {
  const { status, poweredOnAt } = jobs
  const query = prepared(db, 'standingOf', () =>
    db
      .select({ status, poweredOnAt })
      .from(jobs)
      .where(eq(jobs.id, sql.placeholder('id')))
      .prepare(),
  )
  return query.get({ id })
}

/** By the SHA-256 of one of its tokens. */
export async function findJobByDigest(
  db: Reader | Tx,
  token: 'mediaTokenDigest' | 'bootedTokenDigest' | 'tokenDigest',
  digest: string,
): Promise<Job | undefined> {
  const query = prepared(db, `findJobByDigest ${token}`, () =>
    db
      .select()
      .from(jobs)
      .where(eq(jobs[token], sql.placeholder('digest')))
      .prepare(),
  )
  return query.get({ digest })
}

export async function findJobByKey(db: Reader | Tx, key: string): Promise<Job | undefined> {
  return (await db.select().from(jobs).where(eq(jobs.idempotencyKey, key)))[0]
}

/** The job of a machine that is not complete, or else the newest. */
export async function latestJob(db: Reader | Tx, machineId: string): Promise<Job | undefined> {
  const rows = await db
    .select()
    .from(jobs)
    .where(eq(jobs.machineId, machineId))
    .orderBy(asc(sql`${jobs.status} = 'complete'`), desc(jobs.createdAt), desc(jobs.id))
    .limit(1)
  return rows[0]
}

export async function activeJobs(
  db: Reader | Tx,
  machineIds: readonly string[],
): Promise<readonly Pick<Job, 'id' | 'machineId' | 'status' | 'cleanup'>[]> {
  return db
    .select({ id: jobs.id, machineId: jobs.machineId, status: jobs.status, cleanup: jobs.cleanup })
    .from(jobs)
    .where(
      and(
        inArray(jobs.machineId, [...machineIds]),
        or(ne(jobs.status, 'complete'), eq(jobs.cleanup, 'pending')),
      ),
    )
}

/** Undefined when the machine has an active job already, or the idempotency key is taken. */
export async function insertJob(
  tx: Tx,
  row: NewJob,
  documents: Pick<JobDocuments, 'sealedRecipe' | 'sealedSubmitted'>,
): Promise<Job | undefined> {
  const [job] = await tx.insert(jobs).values(row).onConflictDoNothing().returning()
  if (job) await tx.insert(jobDocuments).values({ jobId: job.id, images: [], ...documents })
  return job
}

/** Recipe and images of a job. Throws when there are none: every job has them. */
export async function documentsOf(db: Reader | Tx, jobId: string): Promise<JobDocuments> {
  const query = prepared(db, 'documentsOf', () =>
    db
      .select()
      .from(jobDocuments)
      .where(eq(jobDocuments.jobId, sql.placeholder('jobId')))
      .prepare(),
  )
  const [row] = await query.all({ jobId })
  if (!row) throw new Error(`job ${jobId} has no documents`)
  return row
}

export async function keepImages(
  tx: Tx,
  jobId: string,
  images: JobDocuments['images'],
): Promise<void> {
  await tx.update(jobDocuments).set({ images }).where(eq(jobDocuments.jobId, jobId))
}

/** A legal status change; undefined when the job was not in `from` any more: a lost race. */
export async function move<S extends JobStatus>(
  tx: Tx,
  id: string,
  from: S,
  to: NextStatus<S>,
  change: JobChange & { readonly updatedAt: number },
): Promise<Job | undefined> {
  return patchJob(tx, id, [from], { ...change, status: to })
}

/** Changes a job while it is in one of `statuses`; undefined when it is not. */
export async function patchJob(
  tx: Tx,
  id: string,
  statuses: readonly JobStatus[],
  change: JobChange & Partial<Pick<Job, 'status'>>,
): Promise<Job | undefined> {
  const query = prepared(tx, `patchJob ${statuses.join()} ${shapeOf(change)}`, () =>
    tx
      .update(jobs)
      .set(placeholders(change))
      .where(and(eq(jobs.id, sql.placeholder('of')), inArray(jobs.status, [...statuses])))
      .returning()
      .prepare(),
  )
  return query.get({ ...change, of: id })
}

/** The machine's word: only when it was powered on by us and is still ours to give. */
export async function claimJob(tx: Tx, id: string, change: JobChange): Promise<Job | undefined> {
  const rows = await tx
    .update(jobs)
    .set(change)
    .where(
      and(
        eq(jobs.id, id),
        eq(jobs.status, 'provisioning'),
        isNotNull(jobs.poweredOnAt),
        isNull(jobs.claimedAt),
      ),
    )
    .returning()
  return rows[0]
}

/** Before the power step; undefined when the job is over, or its machine writes already. */
export async function markPowerOnBegun(tx: Tx, id: string, now: number): Promise<Job | undefined> {
  const rows = await tx
    .update(jobs)
    .set({ powerOnBegunAt: now, firstReadAt: null, lastFreshReadAt: null, updatedAt: now })
    .where(and(eq(jobs.id, id), eq(jobs.status, 'provisioning'), isNull(jobs.poweredOnAt)))
    .returning()
  return rows[0]
}

/** The end of a launch: set once, and the claim is open from then on. */
export async function markPoweredOn(tx: Tx, id: string, now: number): Promise<Job | undefined> {
  const rows = await tx
    .update(jobs)
    .set({ poweredOnAt: now, pausedMs: 0, updatedAt: now })
    .where(and(eq(jobs.id, id), eq(jobs.status, 'provisioning'), isNull(jobs.poweredOnAt)))
    .returning()
  return rows[0]
}

/** A new job takes the machine over from cleanups that did not come to an end. */
export async function supersedeCleanups(
  tx: Tx,
  machineId: string,
  exceptId: string,
  now: number,
): Promise<readonly Job[]> {
  return tx
    .update(jobs)
    .set({ cleanup: 'superseded', mediaValid: false, nextCheckAt: null, updatedAt: now })
    .where(and(eq(jobs.machineId, machineId), eq(jobs.cleanup, 'pending'), ne(jobs.id, exceptId)))
    .returning()
}

export interface JobFilter {
  readonly status?: JobStatus | undefined
  readonly result?: JobResult | undefined
  readonly machineId?: string | undefined
  readonly labels: readonly (readonly [string, string])[]
  readonly limit: number
  readonly before?: { readonly createdAt: number; readonly id: string } | undefined
}

/** Newest first. */
export async function listJobs(db: Reader, filter: JobFilter): Promise<readonly Job[]> {
  const { before } = filter
  const rows = await db
    .select({ job: jobs })
    .from(jobs)
    .leftJoin(machines, eq(machines.id, jobs.machineId))
    .where(
      and(
        filter.status ? eq(jobs.status, filter.status) : undefined,
        filter.result ? eq(jobs.result, filter.result) : undefined,
        filter.machineId ? eq(jobs.machineId, filter.machineId) : undefined,
        before
          ? or(
              lt(jobs.createdAt, before.createdAt),
              and(eq(jobs.createdAt, before.createdAt), lt(jobs.id, before.id)),
            )
          : undefined,
        ...filter.labels.map(([key, value]) => hasLabel(key, value)),
      ),
    )
    .orderBy(desc(jobs.createdAt), desc(jobs.id))
    .limit(filter.limit)
  return rows.map((row) => row.job)
}

export async function countByStatus(
  db: Reader,
): Promise<readonly { status: JobStatus; count: number }[]> {
  return db
    .select({ status: jobs.status, count: sql<number>`count(*)` })
    .from(jobs)
    .groupBy(jobs.status)
}

/** True when the delivery is new; false when it was applied before. */
export async function recordDelivery(
  tx: Tx,
  jobId: string,
  deliveryId: string,
  at: number,
): Promise<boolean> {
  const rows = await tx
    .insert(deliveries)
    .values({ jobId, deliveryId, at })
    .onConflictDoNothing()
    .returning()
  return rows.length > 0
}

export async function knowsDelivery(
  db: Reader | Tx,
  jobId: string,
  deliveryId: string,
): Promise<boolean> {
  const rows = await db
    .select({ at: deliveries.at })
    .from(deliveries)
    .where(and(eq(deliveries.jobId, jobId), eq(deliveries.deliveryId, deliveryId)))
  return rows.length > 0
}

/** Removes finished jobs whose end lies before `before`, with all that hangs on them. */
export async function pruneJobs(tx: Tx, before: number): Promise<number> {
  const old = await tx
    .select({ id: jobs.id })
    .from(jobs)
    .where(
      and(eq(jobs.status, 'complete'), lt(jobs.completedAt, before), ne(jobs.cleanup, 'pending')),
    )
    .limit(500)
  const ids = old.map((row) => row.id)
  if (ids.length === 0) return 0
  for (const table of [jobDocuments, jobEvents, jobEvidence, journal, deliveries]) {
    await tx.delete(table).where(inArray(table.jobId, ids))
  }
  await tx.delete(jobs).where(inArray(jobs.id, ids))
  return ids.length
}
