// SPDX-License-Identifier: AGPL-3.0-or-later
import { blob, index, integer, primaryKey, sqliteTable, text } from 'drizzle-orm/sqlite-core'

/** All times are Unix ms. A digest is `sha256:…` or `sha512:…`; a repository goes by its name. */

export const repositories = sqliteTable('oci_repositories', {
  name: text('name').primaryKey(),
  createdAt: integer('created_at').notNull(),
  /** Which missing children a manifest may have here; null: as the configuration says. */
  sparse: text('sparse').$type<SparsePolicy>(),
})

/** `none`: every child must be there; `index`: an index may lack manifests; `all`: layers too. */
export type SparsePolicy = 'none' | 'index' | 'all'

/** Every object in `_blobs`, manifests too. */
export const blobs = sqliteTable('oci_blobs', {
  digest: text('digest').primaryKey(),
  sizeBytes: integer('size_bytes').notNull(),
  createdAt: integer('created_at').notNull(),
  /** `quarantined`: found damaged; not served, and healed by the next push of the same digest. */
  state: text('state').$type<'good' | 'quarantined'>().notNull().default('good'),
})

/** What a repository holds: blobs and manifests. Without a row here an object is not seen through it. */
export const repositoryBlobs = sqliteTable(
  'oci_repository_blobs',
  {
    repository: text('repository').notNull(),
    digest: text('digest').notNull(),
    /** Renewed by every push and mount: the sweep leaves alone what is younger than its grace. */
    linkedAt: integer('linked_at').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.repository, table.digest] }),
    index('oci_repository_blobs_digest').on(table.digest),
    index('oci_repository_blobs_linked').on(table.linkedAt),
  ],
)

export const manifests = sqliteTable(
  'oci_manifests',
  {
    repository: text('repository').notNull(),
    digest: text('digest').notNull(),
    mediaType: text('media_type').notNull(),
    /** As referrers tell it: its own, else the config's media type of an image. */
    artifactType: text('artifact_type'),
    configType: text('config_type'),
    subject: text('subject'),
    annotations: text('annotations', { mode: 'json' }).$type<Readonly<Record<string, string>>>(),
    sizeBytes: integer('size_bytes').notNull(),
    pushedAt: integer('pushed_at').notNull(),
    pushedBy: text('pushed_by').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.repository, table.digest] }),
    index('oci_manifests_subject').on(table.repository, table.subject, table.digest),
  ],
)

/** What a manifest points at, whether or not it is there. Its subject is no child and stands above. */
export const manifestReferences = sqliteTable(
  'oci_manifest_references',
  {
    repository: text('repository').notNull(),
    manifest: text('manifest').notNull(),
    child: text('child').notNull(),
    kind: text('kind').$type<ReferenceKind>().notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.repository, table.manifest, table.child, table.kind] }),
    index('oci_manifest_references_child').on(table.repository, table.child),
  ],
)

export type ReferenceKind = 'config' | 'layer' | 'manifest'

export const tags = sqliteTable(
  'oci_tags',
  {
    repository: text('repository').notNull(),
    name: text('name').notNull(),
    digest: text('digest').notNull(),
    setAt: integer('set_at').notNull(),
    setBy: text('set_by').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.repository, table.name] }),
    index('oci_tags_digest').on(table.repository, table.digest),
  ],
)

/** Every set and delete of a tag; what it pointed at before is the row before. */
export const tagHistory = sqliteTable(
  'oci_tag_history',
  {
    seq: integer('seq').primaryKey({ autoIncrement: true }),
    repository: text('repository').notNull(),
    tag: text('tag').notNull(),
    /** null: the tag was deleted. */
    digest: text('digest'),
    at: integer('at').notNull(),
    by: text('by').notNull(),
    action: text('action').$type<TagAction>().notNull().default('push'),
  },
  (table) => [index('oci_tag_history_tag').on(table.repository, table.tag, table.seq)],
)

export type TagAction =
  | 'push'
  | 'delete'
  | 'rollback'
  | 'retention'
  | 'collect'
  | 'import'
  | 'rebuild'

/** Holds an object and all that it points at against the sweep, for a running job say. */
export const leases = sqliteTable(
  'oci_leases',
  {
    id: text('id').primaryKey(),
    repository: text('repository').notNull(),
    digest: text('digest').notNull(),
    /** `job:<id>` or whatever the holder calls itself. */
    holder: text('holder').notNull(),
    until: integer('until').notNull(),
  },
  (table) => [
    index('oci_leases_holder').on(table.holder),
    index('oci_leases_digest').on(table.repository, table.digest),
  ],
)

/**
 * Small objects whose files may not have reached the disk yet: many of them share one commit here,
 * where each would cost two fsyncs of its own. The rows go once the file system was synced.
 */
export const freshBytes = sqliteTable('oci_fresh_bytes', {
  digest: text('digest').primaryKey(),
  bytes: blob('bytes', { mode: 'buffer' }).notNull(),
})

/** Events that wait for the webhook: they are written with what they tell of. */
export const notices = sqliteTable('oci_notices', {
  seq: integer('seq').primaryKey({ autoIncrement: true }),
  id: text('id').notNull().unique(),
  notice: text('notice', { mode: 'json' }).$type<unknown>().notNull(),
})

/** Small facts of those who take care of the store: rules, positions, last reports. */
export const care = sqliteTable('oci_care', {
  name: text('name').primaryKey(),
  value: text('value', { mode: 'json' }).$type<unknown>().notNull(),
})

/** Something on the disk that is not as the rows say, or was. */
export const findings = sqliteTable(
  'oci_findings',
  {
    id: text('id').primaryKey(),
    kind: text('kind').$type<FindingKind>().notNull(),
    /** '' where it is about no one object. */
    digest: text('digest').notNull(),
    /** '' where it is about no one repository. */
    repository: text('repository').notNull(),
    detail: text('detail').notNull(),
    foundAt: integer('found_at').notNull(),
    repairedAt: integer('repaired_at'),
    repairedBy: text('repaired_by').$type<RepairedBy>(),
  },
  (table) => [
    index('oci_findings_digest').on(table.digest, table.repairedAt),
    index('oci_findings_open').on(table.repairedAt, table.foundAt),
  ],
)

export type FindingKind =
  | 'content'
  | 'size'
  | 'missing'
  | 'link'
  | 'stray'
  | 'index'
  | 'row'
  | 'layout'
export type RepairedBy = 'push' | 'copy' | 'index' | 'row' | 'link'

/** Objects that were taken over by their names; the scrub hashes them before all others. */
export const unverified = sqliteTable('oci_unverified', {
  digest: text('digest').primaryKey(),
})
