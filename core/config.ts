// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'

const Listen = v.pipe(
  v.string(),
  v.regex(/^$|^(\[[0-9A-Fa-f:.]+\]|[^:\s]*):\d{1,5}$/, 'host:port, :port, or "" to switch it off'),
  v.check((text) => Number(text.split(':').at(-1)) <= 65_535, 'the port must be at most 65535'),
)
const StoreUrl = v.pipe(
  v.string(),
  v.regex(
    /^$|^(file:\/|libsql:\/\/|https?:\/\/)\S+$/,
    'must be file:/…, libsql://… or http(s)://…',
  ),
)
const Url = v.pipe(v.string(), v.regex(/^https?:\/\/\S+$/, 'must begin with http:// or https://'))
const Seconds = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(31_536_000))
const Count = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(100_000))

/**
 * The tables of the configuration that belong to core; every plugin adds its own by its name.
 * `v.description` is what `slipway config print` and the README say of a key.
 */
export const CoreConfig = v.strictObject({
  server: v.optional(
    v.strictObject({
      https: v.pipe(
        v.optional(Listen, ':8443'),
        v.description('HTTPS: API, webhook, claim, registry, pages'),
      ),
      local: v.pipe(
        v.optional(Listen, '127.0.0.1:8081'),
        v.description('the same in plain HTTP, for the command line on this box'),
      ),
      bmc_http: v.pipe(
        v.optional(Listen, ':8080'),
        v.description('plain HTTP for BMCs and booting machines: media, /booted, health'),
      ),
      bmc_https: v.pipe(
        v.optional(Listen, ':8444'),
        v.description('the same in HTTPS, for controllers that take https only'),
      ),
      mtls: v.pipe(
        v.optional(Listen, ''),
        v.description('mutual TLS for webhook and claim, e.g. ":8445"; off by default'),
      ),
      mtls_ca_file: v.pipe(
        v.optional(v.string(), ''),
        v.description('CA of the client certificates; default: the appliance’s own CA'),
      ),
      names: v.pipe(
        v.optional(v.array(v.string()), []),
        v.description('further names and addresses for the certificate'),
      ),
    }),
    {},
  ),
  store: v.optional(
    v.strictObject({
      url: v.pipe(
        v.optional(StoreUrl, ''),
        v.description('file:, libsql:// or http(s)://; default: slipway.db in the data folder'),
      ),
      auth_token: v.pipe(v.optional(v.string(), ''), v.description('for a remote database')),
    }),
    {},
  ),
  log: v.optional(
    v.strictObject({
      level: v.pipe(
        v.optional(v.picklist(['debug', 'info', 'warn', 'error']), 'info'),
        v.description('debug, info, warn or error'),
      ),
    }),
    {},
  ),
  auth: v.optional(
    v.strictObject({
      jwt_hs256_secret: v.pipe(
        v.optional(v.string(), ''),
        v.description('accept JWTs signed with this secret, 32 bytes or more'),
      ),
      jwt_ed25519_public_key_file: v.pipe(
        v.optional(v.string(), ''),
        v.description('accept JWTs signed by this key (PEM)'),
      ),
      jwt_issuer: v.pipe(v.optional(v.string(), ''), v.description('required `iss`, when given')),
      jwt_audience: v.pipe(v.optional(v.string(), ''), v.description('required `aud`, when given')),
      login_failures: v.pipe(
        v.optional(Count, 10),
        v.description('failed logins of one address or name per minute before 429'),
      ),
    }),
    {},
  ),
  webhook: v.optional(
    v.strictObject({
      secret: v.pipe(
        v.optional(v.string(), ''),
        v.description('global secret, for maintenance images that are not ours'),
      ),
      secret_old: v.pipe(
        v.optional(v.string(), ''),
        v.description('still accepted while a rotation is under way'),
      ),
      plain: v.pipe(
        v.optional(v.boolean(), false),
        v.description('webhook and claim on the plain BMC listener too'),
      ),
    }),
    {},
  ),
  report: v.optional(
    v.strictObject({
      base_url: v.pipe(
        v.optional(v.union([Url, v.array(Url)]), []),
        v.description('where machines report; default: this box’s addresses, BMC-facing first'),
      ),
    }),
    {},
  ),
  jobs: v.optional(
    v.strictObject({
      concurrency: v.pipe(
        v.optional(Count, 64),
        v.description('runs at the same time; waiting jobs do not count'),
      ),
      power_on_after_failure: v.pipe(
        v.optional(v.boolean(), false),
        v.description('power the machine on after a failed or canceled job'),
      ),
    }),
    {},
  ),
  limits: v.optional(
    v.strictObject({
      media_seen_s: v.pipe(
        v.optional(Seconds, 900),
        v.description('from power on until the BMC has read the media'),
      ),
      claim_s: v.pipe(
        v.optional(Seconds, 1_800),
        v.description('from power on, or the last fresh read, until the claim'),
      ),
      report_s: v.pipe(
        v.optional(Seconds, 14_400),
        v.description('from the last progress until the report'),
      ),
      off_s: v.pipe(
        v.optional(Seconds, 120),
        v.description('after the report, for the machine to power itself off'),
      ),
      cleanup_s: v.pipe(
        v.optional(Seconds, 600),
        v.description('for the cleanup before it goes on in the background'),
      ),
      start_grace_s: v.pipe(
        v.optional(Seconds, 600),
        v.description('after a start of the appliance no deadline fires this long'),
      ),
      history_days: v.pipe(
        v.optional(Count, 90),
        v.description('finished jobs and the audit log are kept this long'),
      ),
    }),
    {},
  ),
})
export type CoreConfig = v.InferOutput<typeof CoreConfig>
