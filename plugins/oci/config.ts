// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'
import { HOUR, MiB } from '../../core/units.ts'
import { careConfig } from './care/care-config.ts'

const wholeNumber = (least: number, standard: number) =>
  v.optional(v.pipe(v.number(), v.safeInteger(), v.minValue(least)), standard)

const PublicUrl = v.pipe(
  v.string(),
  v.regex(/^(https?:\/\/[^\s/"]+)?$/, 'must be like https://registry.example, without a path'),
)

/** The block `[oci]`. */
export const OciConfig = v.strictObject({
  sparse: v.pipe(
    v.optional(v.picklist(['none', 'index', 'all']), 'index'),
    v.description('which children a manifest may lack: none, an index its manifests, or all'),
  ),
  manifest_types: v.pipe(
    v.optional(v.array(v.string()), []),
    v.description('further media types that are taken as manifests'),
  ),
  manifest_max_bytes: v.pipe(wholeNumber(4 * MiB, 8 * MiB), v.description('largest manifest')),
  upload_ttl_ms: v.pipe(
    wholeNumber(1_000, 24 * HOUR),
    v.description('an upload session without a call for so long is dropped'),
  ),
  upload_idle_ms: v.pipe(
    wholeNumber(100, 120_000),
    v.description('an upload without a byte for so long is cut; its bytes are kept'),
  ),
  auth: v.pipe(
    v.optional(v.picklist(['basic', 'token']), 'basic'),
    v.description('which login clients are asked for, basic or token; both are taken'),
  ),
  anonymous_pull: v.pipe(
    v.optional(v.array(v.pipe(v.string(), v.nonEmpty(), v.maxLength(255))), []),
    v.description('repositories that anybody may pull, e.g. ["os-images/**"]'),
  ),
  events_url: v.pipe(
    v.optional(v.union([v.literal(''), v.pipe(v.string(), v.regex(/^https?:\/\/\S+$/))]), ''),
    v.description('pushes, pulls, deletes, full quotas and damage are POSTed there'),
  ),
  events_token: v.pipe(v.optional(v.string(), ''), v.description('bearer token for it')),
  public_url: v.pipe(
    v.optional(PublicUrl, ''),
    v.description('where clients reach the registry behind a proxy; default: as they asked'),
  ),
  ...careConfig,
})
export type OciConfig = v.InferOutput<typeof OciConfig>
