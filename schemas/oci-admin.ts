// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'
import { OciReport } from './oci-report.ts'
import { whole } from './rules.ts'
import { Count, NextCursor, Time, type View } from './view.ts'

const Percent = v.pipe(v.number(), v.minValue(0))
const Digest = v.pipe(
  v.string(),
  v.regex(/^[a-z0-9]+:[0-9a-f]+$/),
  v.examples([`sha256:${'a'.repeat(64)}`]),
)
const filledText = (most: number) => v.pipe(v.string(), v.minLength(1), v.maxLength(most))
const list = <T extends v.GenericSchema>(item: T) => v.pipe(v.array(item), v.maxLength(1_000))
/** `*` within one part of a name, `**` over parts, `?` one character, `{a,b}` either. */
const Glob = filledText(255)
const RuleSource = v.picklist(['config', 'api'])

/** One repository, for people: sizes are what its links sum up to. */
export const OciRepository = v.object({
  name: v.string(),
  tags: Count,
  manifests: Count,
  blobs: Count,
  size_bytes: Count,
  created_at: Time,
  pushed_at: v.exactOptional(Time),
  quota: v.exactOptional(v.object({ limit_bytes: Count, used_bytes: Count, percent: Percent })),
})
export type OciRepository = View<typeof OciRepository>

/** GET /api/v1/oci/repositories */
export const OciRepositoryList = v.object({
  repositories: v.array(OciRepository),
  next_cursor: NextCursor,
})
export type OciRepositoryList = View<typeof OciRepositoryList>

/** What a repository held when it was deleted. */
export const OciRepositoryDeleted = v.object({
  repository: v.string(),
  tags: Count,
  manifests: Count,
  blobs: Count,
})
export type OciRepositoryDeleted = View<typeof OciRepositoryDeleted>

/** A tag and what it points at; `size_bytes` is the manifest and all that it reaches. */
export const OciTag = v.object({
  tag: v.string(),
  digest: Digest,
  media_type: v.string(),
  size_bytes: Count,
  pushed_at: Time,
  pushed_by: v.exactOptional(v.string()),
  immutable: v.boolean(),
})
export type OciTag = View<typeof OciTag>

/** GET /api/v1/oci/repositories/{name}/tags */
export const OciTagList = v.object({
  repository: v.string(),
  tags: v.array(OciTag),
  next_cursor: NextCursor,
})
export type OciTagList = View<typeof OciTagList>

/** A manifest with what it points at and what points at it. */
export const OciInspected = v.object({
  repository: v.string(),
  digest: Digest,
  media_type: v.string(),
  artifact_type: v.exactOptional(v.string()),
  size_bytes: Count,
  total_bytes: Count,
  pushed_at: Time,
  tags: v.array(v.string()),
  subject: v.exactOptional(Digest),
  references: v.array(
    v.object({
      role: v.picklist(['config', 'layer', 'manifest', 'subject']),
      digest: Digest,
      media_type: v.exactOptional(v.string()),
      size_bytes: v.exactOptional(Count),
      present: v.boolean(),
    }),
  ),
  referrers: v.array(
    v.object({
      digest: Digest,
      media_type: v.string(),
      artifact_type: v.exactOptional(v.string()),
      size_bytes: Count,
    }),
  ),
  damaged: v.boolean(),
  /** As it was pushed; absent while it is damaged. */
  manifest: v.exactOptional(v.record(v.string(), v.unknown())),
})
export type OciInspected = View<typeof OciInspected>

export const TAG_ACTIONS = [
  'push',
  'delete',
  'rollback',
  'retention',
  'collect',
  'import',
  'rebuild',
] as const

/** One move of a tag. */
export const OciTagMove = v.object({
  seq: Count,
  at: Time,
  by: v.exactOptional(v.string()),
  action: v.picklist(TAG_ACTIONS),
  from: v.exactOptional(Digest),
  /** Absent: the tag was deleted. */
  to: v.exactOptional(Digest),
  /** Its manifest is still here: the tag can be rolled back to it. */
  present: v.boolean(),
})
export type OciTagMove = View<typeof OciTagMove>

/** GET /api/v1/oci/repositories/{name}/tags/{tag}/history: the newest first. */
export const OciTagHistory = v.object({
  repository: v.string(),
  tag: v.string(),
  entries: v.array(OciTagMove),
})
export type OciTagHistory = View<typeof OciTagHistory>

/** POST /api/v1/oci/repositories/{name}/tags/{tag}/rollback: an entry, a digest, or the one before. */
export const OciRollbackRequest = v.strictObject({
  to: v.exactOptional(v.union([whole(1, Number.MAX_SAFE_INTEGER), Digest])),
})
export type OciRollbackRequest = v.InferOutput<typeof OciRollbackRequest>

export const OciRolledBack = v.object({
  repository: v.string(),
  tag: v.string(),
  digest: Digest,
  previous_digest: v.exactOptional(Digest),
  /** `seq` of the history entry that this made. */
  entry: Count,
})
export type OciRolledBack = View<typeof OciRolledBack>

/** A blob on its way in. */
export const OciUpload = v.object({
  id: v.string(),
  repository: v.string(),
  offset_bytes: Count,
  started_at: Time,
  touched_at: Time,
  expires_at: Time,
  started_by: v.exactOptional(v.string()),
})
export type OciUpload = View<typeof OciUpload>

export const OciUploadList = v.object({ uploads: v.array(OciUpload), next_cursor: NextCursor })
export type OciUploadList = View<typeof OciUploadList>

export const TASK_KINDS = ['gc', 'retention', 'scrub', 'fsck', 'rescan', 'rebuild'] as const

/** Long work: it goes on after the answer. */
export const OciTask = v.object({
  id: v.string(),
  kind: v.picklist(TASK_KINDS),
  state: v.picklist(['running', 'paused', 'done', 'failed', 'canceled']),
  by: v.string(),
  started_at: Time,
  ended_at: v.exactOptional(Time),
  progress: v.object({
    done: Count,
    total: v.exactOptional(Count),
    unit: v.picklist(['repositories', 'blobs', 'tags']),
    /** What it is at. */
    at: v.exactOptional(v.string()),
  }),
  error: v.exactOptional(v.string()),
  result: v.exactOptional(OciReport),
})
export type OciTask = View<typeof OciTask>

export const OciTaskList = v.object({ tasks: v.array(OciTask) })
export type OciTaskList = View<typeof OciTaskList>

export const UNTAGGED = ['collect', 'keep'] as const

/** POST /api/v1/oci/gc */
export const OciGcRequest = v.strictObject({
  /** Says what would go, and touches nothing. */
  dry_run: v.exactOptional(v.boolean()),
  grace_seconds: v.exactOptional(whole(0, 31_536_000)),
  untagged: v.exactOptional(v.picklist(UNTAGGED)),
})
export type OciGcRequest = v.InferOutput<typeof OciGcRequest>

export const OciGcStatus = v.object({
  paused: v.boolean(),
  /** `job`: it waits for the running jobs. */
  paused_by: v.exactOptional(v.picklist(['hand', 'job'])),
  grace_seconds: Count,
  untagged: v.picklist(UNTAGGED),
  next_run_at: v.exactOptional(Time),
  running: v.exactOptional(OciTask),
  last: v.exactOptional(OciReport),
})
export type OciGcStatus = View<typeof OciGcStatus>

/** A regular expression in JavaScript's grammar. */
const Pattern = v.pipe(
  filledText(200),
  v.check((text) => {
    try {
      return new RegExp(text, 'u') instanceof RegExp
    } catch {
      return false
    }
  }, 'is no regular expression'),
  v.examples(['^v[0-9]+$']),
)

/**
 * What of the tags of matching repositories stays. A tag stays when any `keep_…` says so; a rule
 * without one keeps all. The first rule that matches repository and tag decides, and a tag that no
 * rule matches stays.
 */
const retentionRule = {
  repositories: Glob,
  /** Tags that the rule is about; all when absent. */
  tags: v.exactOptional(Glob),
  keep_last: v.exactOptional(whole(0, 100_000)),
  keep_newer_days: v.exactOptional(whole(0, 36_500)),
  keep_matching: v.exactOptional(Pattern),
  /** The newest so many versions by SemVer; other tags are not counted. */
  keep_semver: v.exactOptional(whole(0, 100_000)),
}
export const OciRetentionRule = v.strictObject(retentionRule)
export type OciRetentionRule = v.InferOutput<typeof OciRetentionRule>

/** Tags that nobody may move or delete. */
const immutableRule = { repositories: Glob, tags: Glob }
export const OciImmutableRule = v.strictObject(immutableRule)
export type OciImmutableRule = v.InferOutput<typeof OciImmutableRule>

/** PUT /api/v1/oci/retention: takes the place of the rules that came this way before. */
export const OciRetentionRequest = v.strictObject({
  rules: list(OciRetentionRule),
  immutable: list(OciImmutableRule),
})
export type OciRetentionRequest = v.InferOutput<typeof OciRetentionRequest>

export const OciRetention = v.object({
  rules: v.array(v.object({ ...retentionRule, source: RuleSource })),
  immutable: v.array(v.object({ ...immutableRule, source: RuleSource })),
})
export type OciRetention = View<typeof OciRetention>

/** POST /api/v1/oci/retention/plan: other rules to try; without them, those in force. */
export const OciPlanRequest = v.strictObject({
  rules: v.exactOptional(list(OciRetentionRule)),
})
export type OciPlanRequest = v.InferOutput<typeof OciPlanRequest>

/** POST /api/v1/oci/scrub: goes on where it stopped, unless told otherwise. */
export const OciScrubRequest = v.strictObject({ from_start: v.exactOptional(v.boolean()) })
export type OciScrubRequest = v.InferOutput<typeof OciScrubRequest>

export const OciScrubStatus = v.object({
  paused: v.boolean(),
  running: v.exactOptional(OciTask),
  /** The last object of this pass that was checked. */
  position: v.exactOptional(Digest),
  /** In this pass. */
  checked: Count,
  checked_bytes: Count,
  open_findings: Count,
  last_full_at: v.exactOptional(Time),
  next_run_at: v.exactOptional(Time),
  rate_bytes_per_second: Count,
})
export type OciScrubStatus = View<typeof OciScrubStatus>

/** POST /api/v1/oci/fsck */
export const OciFsckRequest = v.strictObject({
  /** Hash every object again; true when absent. */
  content: v.exactOptional(v.boolean()),
  /** Mend what can be mended from what is here. */
  repair: v.exactOptional(v.boolean()),
})
export type OciFsckRequest = v.InferOutput<typeof OciFsckRequest>

/** POST /api/v1/oci/rescan: one repository, or all folders. */
export const OciRescanRequest = v.strictObject({ repository: v.exactOptional(filledText(255)) })
export type OciRescanRequest = v.InferOutput<typeof OciRescanRequest>

const quotaRule = { repositories: Glob, limit_bytes: whole(0, Number.MAX_SAFE_INTEGER) }
/** The matching repositories together may hold so many bytes. */
export const OciQuotaRule = v.strictObject(quotaRule)
export type OciQuotaRule = v.InferOutput<typeof OciQuotaRule>

/** PUT /api/v1/oci/quota: takes the place of the quotas that came this way before. */
export const OciQuotaRequest = v.strictObject({ quotas: list(OciQuotaRule) })
export type OciQuotaRequest = v.InferOutput<typeof OciQuotaRequest>

export const OciQuotas = v.object({
  quotas: v.array(
    v.object({ ...quotaRule, used_bytes: Count, percent: Percent, source: RuleSource }),
  ),
  disk: v.object({
    total_bytes: Count,
    free_bytes: Count,
    /** With less than this free no push is taken. */
    reserve_bytes: Count,
    full: v.boolean(),
  }),
})
export type OciQuotas = View<typeof OciQuotas>
