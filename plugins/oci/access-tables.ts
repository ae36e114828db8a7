// SPDX-License-Identifier: AGPL-3.0-or-later
import { index, integer, sqliteTable, text } from 'drizzle-orm/sqlite-core'
import type { OciAction } from '../../schemas/oci-policy.ts'

/** All times are Unix ms. */

export const policies = sqliteTable('oci_policies', {
  name: text('name').primaryKey(),
  repositories: text('repositories', { mode: 'json' }).$type<readonly string[]>().notNull(),
  users: text('users', { mode: 'json' }).$type<readonly string[]>().notNull(),
  groups: text('groups', { mode: 'json' }).$type<readonly string[]>().notNull(),
  jobs: text('jobs', { mode: 'json' }).$type<readonly string[]>().notNull(),
  actions: text('actions', { mode: 'json' }).$type<readonly OciAction[]>().notNull(),
  changedAt: integer('changed_at').notNull(),
  changedBy: text('changed_by').notNull(),
})

/** What `docker login` keeps instead of the password. */
export const refreshTokens = sqliteTable(
  'oci_refresh_tokens',
  {
    /** SHA-256 of the token. */
    digest: text('digest').primaryKey(),
    userName: text('user_name').notNull(),
    door: text('door').$type<'basic' | 'token'>().notNull(),
    /** As the user stood then: another one now, and the token is void. */
    epoch: text('epoch').notNull(),
    usedAt: integer('used_at').notNull(),
  },
  (table) => [index('oci_refresh_tokens_user').on(table.userName, table.usedAt)],
)

/** With what a machine pulls the image of its job, while that job lives. */
export const jobCredentials = sqliteTable('oci_job_credentials', {
  jobId: text('job_id').primaryKey(),
  repository: text('repository').notNull(),
  /** The pinned manifest. */
  digest: text('digest').notNull(),
  /** AES-256-GCM box under the key file: each launch of the job writes the same task ISO. */
  sealedPassword: text('sealed_password').notNull(),
  /** SHA-256: compared, never shown. */
  passwordDigest: text('password_digest').notNull(),
  madeAt: integer('made_at').notNull(),
})
