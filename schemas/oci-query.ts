// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'
import { PageLimit } from './query.ts'

const says = <const T extends v.GenericSchema>(schema: T, text: string) =>
  v.exactOptional(v.pipe(schema, v.description(text)))

const page = {
  limit: says(PageLimit, 'items of a page; 100 when absent'),
  cursor: says(v.string(), '`next_cursor` of the page before'),
}

/** Of any list of the registry. */
export const OciPageQuery = v.object(page)

/** GET /api/v1/oci/repositories */
export const OciRepositoryQuery = v.object({
  prefix: says(v.string(), 'only repositories whose names begin so'),
  ...page,
})

/** GET /api/v1/oci/findings */
export const OciFindingQuery = v.object({
  state: says(v.picklist(['open', 'repaired']), 'only those; all when absent'),
  limit: page.limit,
})
