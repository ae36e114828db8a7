// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'
import { DAY, HOUR, MiB } from '../../../core/units.ts'
import { OciImmutableRule, OciQuotaRule, OciRetentionRule } from '../../../schemas/oci-admin.ts'

const whole = (least: number, standard: number) =>
  v.optional(v.pipe(v.number(), v.safeInteger(), v.minValue(least)), standard)

/** The part of `[oci]` that is about collecting, keeping and checking. */
export const careConfig = {
  gc_every_ms: v.pipe(
    whole(0, HOUR),
    v.description('garbage collections come so often; 0: only when asked for'),
  ),
  gc_grace_ms: v.pipe(
    whole(0, DAY),
    v.description('what was pushed, mounted or let go of within this time is not collected'),
  ),
  gc_untagged: v.pipe(
    v.optional(v.picklist(['collect', 'keep']), 'collect'),
    v.description('manifests that no tag, index, subject or job needs: collect or keep'),
  ),
  gc_orphans: v.pipe(
    v.optional(v.picklist(['collect', 'keep']), 'collect'),
    v.description('signature tags sha256-….sig of subjects that are nowhere here: collect or keep'),
  ),
  gc_waits_for_jobs: v.pipe(
    v.optional(v.boolean(), false),
    v.description('collection and scrub stand still while jobs run'),
  ),
  tag_history: v.pipe(whole(1, 100), v.description('moves that are remembered of each tag')),
  tag_history_holds: v.pipe(
    whole(0, 1),
    v.description('so many earlier digests of each tag are held for a rollback'),
  ),
  retention: v.pipe(
    v.optional(v.array(OciRetentionRule), []),
    v.description('rules before those of the API: which tags stay'),
  ),
  retention_every_ms: v.pipe(
    whole(0, DAY),
    v.description('the rules are applied so often; 0: only when asked for'),
  ),
  immutable: v.pipe(
    v.optional(v.array(OciImmutableRule), []),
    v.description('tags that nobody may move or delete, with those of the API'),
  ),
  quotas: v.pipe(
    v.optional(v.array(OciQuotaRule), []),
    v.description('bytes that matching repositories may hold together, with those of the API'),
  ),
  disk_reserve_bytes: v.pipe(
    whole(0, 1_024 * MiB),
    v.description('free bytes that pushes leave; of a small disk a twentieth at most'),
  ),
  scrub_every_ms: v.pipe(
    whole(0, 7 * DAY),
    v.description('every object is hashed again so often; 0: only when asked for'),
  ),
  scrub_bytes_per_second: v.pipe(whole(1, 32 * MiB), v.description('the scrub reads no faster')),
}

const CareConfig = v.object(careConfig)
export type CareConfig = v.InferOutput<typeof CareConfig>
