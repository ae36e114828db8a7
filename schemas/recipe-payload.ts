// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'
import { text, word } from './rules.ts'

/** Fields that hold a payload, in every dialect. */
export const PAYLOAD_FIELDS = ['user_data', 'unattend_xml', 'ks.cfg'] as const

/** Longest payload: bytes of the text in UTF-8. */
export const PAYLOAD_LIMIT = 1_048_576

/** No user and no password: what is written here stands in logs of proxies. */
export const HttpUrl = word(
  /^https?:\/\/[A-Za-z0-9.:[\]_-]{1,260}(\/[!-~]{0,2000})?$/,
  'must begin with http:// or https://, without user and password',
)

/** Below the appliance's `assets_dir`. */
const AssetPath = word(
  /^\.?[A-Za-z0-9_@+-][A-Za-z0-9._@+-]{0,100}(\/\.?[A-Za-z0-9_@+-][A-Za-z0-9._@+-]{0,100}){0,15}$/,
  'must be a relative path without . and .. parts',
)

const Text = text(PAYLOAD_LIMIT)

/** A reference that the appliance replaces by its text when the job is submitted. */
export const PayloadReference = v.union([
  v.strictObject({ content: Text }),
  v.strictObject({ url: HttpUrl }),
  v.strictObject({ path: AssetPath }),
])
export type PayloadReference = v.InferOutput<typeof PayloadReference>

/** Text, or where to take it from. */
export const Payload = v.union(
  [Text, ...PayloadReference.options],
  'must be text, or exactly one of {"content"}, {"url"}, {"path"}',
)
export type Payload = v.InferOutput<typeof Payload>
