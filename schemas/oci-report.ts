// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'
import { Count, Time, type View } from './view.ts'

/** One thing that the collector took, or would. */
export const OciGarbage = v.object({
  kind: v.picklist(['manifest', 'tag', 'link', 'blob', 'upload', 'repository']),
  repository: v.exactOptional(v.string()),
  /** Digest, tag or upload id. */
  name: v.string(),
  size_bytes: Count,
  why: v.string(),
})
export type OciGarbage = View<typeof OciGarbage>

/** What a collection took; a dry run: what one would take. */
export const OciGcReport = v.object({
  kind: v.literal('gc'),
  dry_run: v.boolean(),
  started_at: Time,
  ended_at: Time,
  manifests: Count,
  /** Legacy signature tags of subjects that are gone. */
  tags: Count,
  links: Count,
  blobs: Count,
  uploads: Count,
  repositories: Count,
  reclaimable_bytes: Count,
  /** The first 1,000. */
  items: v.array(OciGarbage),
  truncated: v.boolean(),
})
export type OciGcReport = View<typeof OciGcReport>

export const KEPT_WHY = [
  /** The rule keeps all. */
  'rule',
  'last',
  'newer',
  'matching',
  'semver',
  'immutable',
  'job',
] as const

/** What retention removes and why the rest of the tags that a rule matches stays. */
export const OciRetentionPlan = v.object({
  kind: v.literal('retention'),
  /** Every one of them in a plan; of a run the first 1,000. */
  remove: v.array(
    v.object({
      repository: v.string(),
      tag: v.string(),
      digest: v.string(),
      pushed_at: Time,
      /** Position of the rule in the list. */
      rule: Count,
    }),
  ),
  removed: Count,
  kept: Count,
  /** The first 1,000. */
  keep: v.array(
    v.object({
      repository: v.string(),
      tag: v.string(),
      digest: v.string(),
      why: v.array(v.picklist(KEPT_WHY)),
    }),
  ),
  truncated: v.boolean(),
})
export type OciRetentionPlan = View<typeof OciRetentionPlan>

export const FINDING_KINDS = [
  'content',
  'size',
  'missing',
  'link',
  'stray',
  'index',
  'row',
  'layout',
] as const

/** Something that is not as it should be. */
export const OciFinding = v.object({
  id: v.string(),
  kind: v.picklist(FINDING_KINDS),
  digest: v.exactOptional(v.string()),
  repository: v.exactOptional(v.string()),
  detail: v.string(),
  found_at: Time,
  /** It is not served until it is mended. */
  quarantined: v.boolean(),
  repaired_at: v.exactOptional(Time),
  repaired_by: v.exactOptional(v.picklist(['push', 'copy', 'index', 'row', 'link'])),
})
export type OciFinding = View<typeof OciFinding>

/** GET /api/v1/oci/findings */
export const OciFindingList = v.object({ findings: v.array(OciFinding) })
export type OciFindingList = View<typeof OciFindingList>

/** What a check of files against rows and digests saw. */
export const OciCheckReport = v.object({
  kind: v.literal('check'),
  checked: Count,
  checked_bytes: Count,
  /** Objects and layouts that are damaged now: mended ones are not among them. */
  bad: Count,
  repaired: Count,
  /** The first 1,000. */
  findings: v.array(OciFinding),
  truncated: v.boolean(),
})
export type OciCheckReport = View<typeof OciCheckReport>

/** What a rescan or rebuild took over from the layouts on disk. */
export const OciRescanReport = v.object({
  kind: v.literal('rescan'),
  repositories: Count,
  tags: Count,
  manifests: Count,
  blobs: Count,
  adopted_bytes: Count,
  /** Files that were known already. */
  unchanged: Count,
  /** Files whose digests are checked in the background now. */
  to_verify: Count,
  refused: v.array(v.object({ path: v.string(), why: v.string() })),
})
export type OciRescanReport = View<typeof OciRescanReport>

/** How a task ended. */
export const OciReport = v.variant('kind', [
  OciGcReport,
  OciRetentionPlan,
  OciCheckReport,
  OciRescanReport,
])
export type OciReport = View<typeof OciReport>
