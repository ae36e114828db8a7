// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'

/**
 * `/job.json` on the task ISO: how the machine reaches us and proves which job it is. The machine's
 * image may be older than the appliance: it passes over what it does not know.
 */
export const JobDocument = v.object({
  schema: v.literal('slipway.job/1'),
  job_id: v.pipe(v.string(), v.uuid()),
  /** Serials and aliases of the machine; none that another machine shares. */
  serials: v.array(v.string()),
  uuid: v.optional(v.string()),
  /** Tried in turn; the one that answers the claim is kept. */
  base_urls: v.pipe(v.array(v.string()), v.minLength(1)),
  /** Paths below a base URL. */
  claim_url: v.string(),
  report_url: v.string(),
  log_url: v.string(),
  /** Where the installed system calls home: path below `http://<host of the base URL>:<port>`. */
  booted: v.optional(v.object({ port: v.number(), path: v.string() })),
  token: v.string(),
  ca_pem: v.optional(v.string()),
  /** RFC 3339; the machine's clock is set to at least this before certificates are judged. */
  not_before: v.optional(v.string()),
  registry: v.optional(
    v.object({
      base_url: v.string(),
      user: v.string(),
      password: v.string(),
    }),
  ),
})
export type JobDocument = v.InferOutput<typeof JobDocument>
