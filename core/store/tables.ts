// SPDX-License-Identifier: AGPL-3.0-or-later
import { sql } from 'drizzle-orm'
import { index, integer, sqliteTable, text, uniqueIndex } from 'drizzle-orm/sqlite-core'
import type { JobProgress, JobResult, JobStatus } from '../../schemas/job.ts'
import type { MediaSlot } from '../jobs/bmc.ts'
import type { TlsPolicy } from '../machines/machine.ts'
import type { MediaImage } from '../media.ts'

/** All times are Unix ms. Columns named `sealed…` hold AES-256-GCM boxes under the key file. */

/** One image of a job as the machine was given it: what stands on the job's row. */
export interface GivenImage {
  readonly slot: MediaSlot
  /** Last part of the URL: `boot.iso`, `task.iso` or `task.img`. */
  readonly name: string
  readonly driveUri: string
  readonly imageUrl: string
  readonly sizeBytes: number
}

/** The same with its bytes, for whoever serves it. */
export interface PublishedImage extends Omit<GivenImage, 'sizeBytes'> {
  readonly image: MediaImage
}

/** What the machine said when it took the job. */
export interface ClaimRecord {
  readonly nonce: string
  readonly bootId: string
  readonly disk:
    | {
        readonly path?: string
        readonly serial?: string
        readonly wwn?: string
      }
    | undefined
}

export const jobs = sqliteTable(
  'jobs',
  {
    id: text('id').primaryKey(),
    machineId: text('machine_id').notNull(),
    serial: text('serial').notNull(),
    status: text('status').$type<JobStatus>().notNull(),
    result: text('result').$type<JobResult>(),
    failedStep: text('failed_step'),
    failedCode: text('failed_code'),
    failedReason: text('failed_reason'),
    retryOf: text('retry_of'),
    cleanup: text('cleanup').$type<'pending' | 'done' | 'superseded'>(),
    taskTarget: text('task_target').notNull(),
    takeOver: integer('take_over', { mode: 'boolean' }).notNull(),
    createdBy: text('created_by').notNull(),
    idempotencyKey: text('idempotency_key'),
    /** SHA-256 of the request that carried the key. */
    requestDigest: text('request_digest'),
    sealedToken: text('sealed_token').notNull(),
    /** SHA-256 of the job token: compared, never shown. */
    tokenDigest: text('token_digest').notNull(),
    sealedMediaToken: text('sealed_media_token').notNull(),
    mediaTokenDigest: text('media_token_digest').notNull(),
    /** False once cleanup has ended or an eject stayed stale: media answer 404. */
    mediaValid: integer('media_valid', { mode: 'boolean' }).notNull(),
    sealedBootedToken: text('sealed_booted_token').notNull(),
    bootedTokenDigest: text('booted_token_digest').notNull(),
    mediaPlan: text('media_plan'),
    mediaPlanReason: text('media_plan_reason'),
    media: text('media', { mode: 'json' }).$type<readonly GivenImage[]>().notNull(),
    /** Distinct bytes read, by slot. */
    bytesRead: text('bytes_read', { mode: 'json' })
      .$type<Partial<Record<MediaSlot, number>>>()
      .notNull(),
    progress: text('progress', { mode: 'json' }).$type<JobProgress>(),
    launches: integer('launches').notNull(),
    /** False for a boot image that is not a build of ours: it never claims. */
    expectsClaim: integer('expects_claim', { mode: 'boolean' }).notNull(),
    powerOnBegunAt: integer('power_on_begun_at'),
    poweredOnAt: integer('powered_on_at'),
    firstReadAt: integer('first_read_at'),
    /** Last time that bytes were read which nobody had read before. */
    lastFreshReadAt: integer('last_fresh_read_at'),
    claimedAt: integer('claimed_at'),
    claim: text('claim', { mode: 'json' }).$type<ClaimRecord>(),
    /** Last word of the machine: claim, progress or report. */
    heardAt: integer('heard_at'),
    /** Time in which the appliance did not run, since the last of the facts that deadlines count from. */
    pausedMs: integer('paused_ms').notNull(),
    reportedAt: integer('reported_at'),
    settleBegunAt: integer('settle_begun_at'),
    cleanupAttempts: integer('cleanup_attempts').notNull(),
    bootedAt: integer('booted_at'),
    completedAt: integer('completed_at'),
    createdAt: integer('created_at').notNull(),
    updatedAt: integer('updated_at').notNull(),
    /** Due then; null: waits for nothing of ours. */
    nextCheckAt: integer('next_check_at'),
    leaseOwner: text('lease_owner'),
    leaseUntil: integer('lease_until'),
  },
  (t) => [
    uniqueIndex('jobs_active').on(t.machineId).where(sql`status <> 'complete'`),
    uniqueIndex('jobs_idempotency').on(t.idempotencyKey).where(sql`idempotency_key is not null`),
    uniqueIndex('jobs_token').on(t.tokenDigest),
    uniqueIndex('jobs_media_token').on(t.mediaTokenDigest),
    uniqueIndex('jobs_booted_token').on(t.bootedTokenDigest),
    index('jobs_due').on(t.nextCheckAt).where(sql`next_check_at is not null`),
    index('jobs_created').on(t.createdAt, t.id),
    index('jobs_machine').on(t.machineId, t.createdAt),
  ],
)
export type Job = typeof jobs.$inferSelect

/**
 * What of a job is large and seldom needed: a recipe with its payloads is up to megabytes, an image
 * has hundreds of regions, and the row of a job is read at every step and report.
 */
export const jobDocuments = sqliteTable('job_documents', {
  jobId: text('job_id').primaryKey(),
  /** The normal form, payloads resolved. */
  sealedRecipe: text('sealed_recipe').notNull(),
  /** The recipe as it came. */
  sealedSubmitted: text('sealed_submitted').notNull(),
  images: text('images', { mode: 'json' }).$type<readonly PublishedImage[]>().notNull(),
})

/** The job's log, as `events[]` shows it. */
export const jobEvents = sqliteTable(
  'job_events',
  {
    seq: integer('seq').primaryKey({ autoIncrement: true }),
    jobId: text('job_id').notNull(),
    at: integer('at').notNull(),
    level: text('level').$type<'info' | 'warn' | 'error'>().notNull(),
    message: text('message').notNull(),
    step: text('step'),
    /** `machine`: the line came from the maintenance OS. */
    source: text('source').$type<'appliance' | 'machine'>().notNull(),
  },
  (t) => [index('job_events_job').on(t.jobId, t.seq)],
)

/** What was seen of a job, in order. */
export const jobEvidence = sqliteTable(
  'job_evidence',
  {
    seq: integer('seq').primaryKey({ autoIncrement: true }),
    jobId: text('job_id').notNull(),
    at: integer('at').notNull(),
    level: text('level')
      .$type<'fetched' | 'read' | 'stage' | 'claimed' | 'reported' | 'booted' | 'pulled'>()
      .notNull(),
    detail: text('detail').notNull(),
    slot: text('slot').$type<MediaSlot>(),
    region: text('region'),
    bytes: integer('bytes'),
    percent: integer('percent'),
    reader: text('reader'),
  },
  (t) => [index('job_evidence_job').on(t.jobId, t.seq)],
)

/** Every step of ours, before and after. What says `begun` without an end was cut by a crash. */
export const journal = sqliteTable(
  'journal',
  {
    seq: integer('seq').primaryKey({ autoIncrement: true }),
    jobId: text('job_id').notNull(),
    launch: integer('launch').notNull(),
    step: text('step').notNull(),
    begunAt: integer('begun_at').notNull(),
    endedAt: integer('ended_at'),
    /** null: begun, not ended. */
    outcome: text('outcome').$type<'done' | 'failed'>(),
    code: text('code'),
  },
  (t) => [index('journal_job').on(t.jobId, t.seq)],
)

/** Deliveries of reports that were applied: a repeat is answered, not applied. */
export const deliveries = sqliteTable(
  'deliveries',
  {
    jobId: text('job_id').notNull(),
    deliveryId: text('delivery_id').notNull(),
    at: integer('at').notNull(),
  },
  (t) => [uniqueIndex('deliveries_once').on(t.jobId, t.deliveryId)],
)

export const machines = sqliteTable(
  'machines',
  {
    id: text('id').primaryKey(),
    serial: text('serial').notNull(),
    bmcUrl: text('bmc_url').notNull(),
    /** '' : the only system. */
    systemUri: text('system_uri').notNull(),
    username: text('username').notNull(),
    sealedPassword: text('sealed_password').notNull(),
    tls: text('tls', { mode: 'json' }).$type<TlsPolicy>().notNull(),
    mediaBaseUrl: text('media_base_url'),
    reportBaseUrls: text('report_base_urls', { mode: 'json' }).$type<readonly string[]>(),
    mediaPlan: text('media_plan').$type<'two-cd' | 'cd-usb' | 'one'>(),
    labels: text('labels', { mode: 'json' }).$type<Readonly<Record<string, string>>>().notNull(),
    protected: integer('protected', { mode: 'boolean' }).notNull(),
    inventory: text('inventory', { mode: 'json' }).$type<unknown>(),
    survey: text('survey', { mode: 'json' }).$type<unknown>(),
    createdAt: integer('created_at').notNull(),
    updatedAt: integer('updated_at').notNull(),
    leaseOwner: text('lease_owner'),
    leaseUntil: integer('lease_until'),
  },
  (t) => [
    index('machines_serial').on(t.serial),
    uniqueIndex('machines_bmc').on(t.bmcUrl, t.systemUri),
  ],
)

/** Further names of a machine: given by people, or filled by the probe. Compared in their normal form. */
export const machineAliases = sqliteTable(
  'machine_aliases',
  {
    machineId: text('machine_id').notNull(),
    alias: text('alias').notNull(),
    source: text('source').$type<'person' | 'probe'>().notNull(),
  },
  (t) => [
    uniqueIndex('machine_aliases_once').on(t.machineId, t.alias),
    index('machine_aliases_alias').on(t.alias),
  ],
)

/** People and programs that may log in with a password. */
export const users = sqliteTable('users', {
  name: text('name').primaryKey(),
  role: text('role').$type<'viewer' | 'operator' | 'admin'>().notNull(),
  /** argon2id in PHC form. */
  passwordHash: text('password_hash').notNull(),
  createdAt: integer('created_at').notNull(),
  groups: text('groups', { mode: 'json' }).$type<readonly string[]>().notNull().default([]),
  /** Random, another one after each change: tokens that carry an older one are void. */
  epoch: text('epoch').notNull().default(''),
})

/** Small facts of the appliance, by name. */
export const settings = sqliteTable('settings', {
  name: text('name').primaryKey(),
  value: text('value', { mode: 'json' }).$type<unknown>().notNull(),
})

/** Who asked the API for what, and how it ended. Never bodies, never secrets. */
export const audit = sqliteTable(
  'audit',
  {
    seq: integer('seq').primaryKey({ autoIncrement: true }),
    at: integer('at').notNull(),
    /** null: the login was refused, nobody is known. */
    principal: text('principal'),
    role: text('role').$type<'viewer' | 'operator' | 'admin'>(),
    door: text('door').$type<'token' | 'basic' | 'jwt'>(),
    method: text('method').notNull(),
    /** The path as the routes have it: `/api/v1/jobs/:id/cancel`. */
    route: text('route').notNull(),
    jobId: text('job_id'),
    serial: text('serial'),
    userName: text('user_name'),
    status: integer('status').notNull(),
    /** Code of the fault, when it was refused. */
    code: text('code'),
    address: text('address').notNull(),
    requestId: text('request_id').notNull(),
    /** What it was done to, where neither job, machine nor user says it: `os/debian:13`. */
    object: text('object'),
  },
  (t) => [
    index('audit_at').on(t.at),
    index('audit_job').on(t.jobId),
    index('audit_serial').on(t.serial),
  ],
)
