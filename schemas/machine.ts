// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'
import { NextCursor, Time, type View } from './view.ts'

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
const PLAIN = /^[^\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]*$/

const Serial = v.pipe(
  v.string(),
  v.trim(),
  v.minLength(1),
  v.maxLength(64),
  // They would act on the terminal of whoever lists machines, or hide what a name is.
  v.regex(PLAIN, 'must have no control characters'),
)
const HttpUrl = v.pipe(
  v.string(),
  v.url('must be a whole URL'),
  v.regex(/^https?:\/\//, 'must begin with http:// or https://'),
  v.examples(['https://10.0.0.5']),
)
const Fingerprint = v.pipe(
  v.string(),
  v.toUpperCase(),
  v.regex(/^([0-9A-F]{2}:){31}[0-9A-F]{2}$/, 'SHA-256 as 32 hex pairs with colons'),
  v.examples([Array.from({ length: 32 }, () => 'A7').join(':')]),
)

export const TlsPolicyInput = v.variant('mode', [
  v.strictObject({ mode: v.literal('ca'), ca_pem: v.optional(v.string()) }),
  v.strictObject({ mode: v.literal('pin'), fingerprint: Fingerprint }),
  v.strictObject({ mode: v.literal('first-use') }),
  v.strictObject({ mode: v.literal('insecure') }),
])

const required = {
  bmc_url: HttpUrl,
  username: v.pipe(v.string(), v.minLength(1), v.maxLength(128)),
  password: v.pipe(v.string(), v.maxLength(512)),
}

const optional = {
  /** `@odata.id` of the ComputerSystem, for a chassis BMC with several. */
  system_uri: v.optional(v.pipe(v.string(), v.startsWith('/'))),
  media_base_url: v.optional(HttpUrl),
  report_base_urls: v.optional(v.array(HttpUrl)),
  media_plan: v.optional(v.picklist(['two-cd', 'cd-usb', 'one'])),
}

/** POST /api/v1/machines */
export const MachineInput = v.strictObject({
  serial: Serial,
  ...required,
  ...optional,
  aliases: v.optional(v.array(Serial), []),
  tls: v.optional(TlsPolicyInput, { mode: 'first-use' }),
  labels: v.optional(v.record(v.string(), v.string()), {}),
  protected: v.optional(v.boolean(), false),
})
export type MachineInput = v.InferOutput<typeof MachineInput>

/** One row of an import: of a machine that is known it changes what it names, and nothing else. */
export const MachineImportRow = v.strictObject({
  serial: Serial,
  ...required,
  ...optional,
  /** Added to those it has. */
  aliases: v.optional(v.array(Serial)),
  tls: v.optional(TlsPolicyInput),
  labels: v.optional(v.record(v.string(), v.string())),
  protected: v.optional(v.boolean()),
})
export type MachineImportRow = v.InferOutput<typeof MachineImportRow>

/** PATCH /api/v1/machines/{serial}: what is given replaces; null takes an optional one away. */
export const MachinePatch = v.strictObject({
  aliases: v.optional(v.array(Serial)),
  bmc_url: v.optional(HttpUrl),
  system_uri: v.optional(v.nullable(v.pipe(v.string(), v.startsWith('/')))),
  username: v.optional(required.username),
  password: v.optional(required.password),
  tls: v.optional(TlsPolicyInput),
  media_base_url: v.optional(v.nullable(HttpUrl)),
  report_base_urls: v.optional(v.nullable(v.array(HttpUrl))),
  media_plan: v.optional(v.nullable(v.picklist(['two-cd', 'cd-usb', 'one']))),
  labels: v.optional(v.record(v.string(), v.string())),
  protected: v.optional(v.boolean()),
})
export type MachinePatch = v.InferOutput<typeof MachinePatch>

/** POST /api/v1/machines/import: all or nothing. CSV is sent as `text/csv` with the same names in its head line. */
export const MachineImport = v.strictObject({
  machines: v.array(MachineImportRow),
})

/** What a probe found: POST /api/v1/machines/{serial}/probe, and `survey` of a machine. */
export const SurveyView = v.object({
  vendor: v.string(),
  model: v.string(),
  firmware: v.string(),
  redfish_version: v.string(),
  profile: v.string(),
  profile_because: v.string(),
  /** What it does otherwise than the standard, in words. */
  profile_changes: v.array(v.string()),
  power: v.string(),
  serial: v.exactOptional(v.string()),
  uuid: v.exactOptional(v.string()),
  aliases: v.array(v.string()),
  system_uri: v.string(),
  drives: v.array(
    v.object({
      id: v.string(),
      uri: v.string(),
      owner: v.string(),
      media_types: v.array(v.string()),
      schemes: v.array(v.string()),
      inserted: v.boolean(),
      image: v.exactOptional(v.string()),
    }),
  ),
  boot_override: v.exactOptional(v.object({ enabled: v.string(), target: v.string() })),
  media_plan: v.exactOptional(v.string()),
  media_plan_reason: v.exactOptional(v.string()),
  boot_target: v.exactOptional(v.string()),
  warnings: v.array(v.string()),
})
export type SurveyView = View<typeof SurveyView>

/** A machine as the API shows it; credentials are never returned. */
export const MachineView = v.object({
  serial: v.string(),
  aliases: v.array(v.string()),
  bmc_url: v.string(),
  system_uri: v.exactOptional(v.string()),
  username: v.string(),
  tls: v.object({ mode: v.string(), fingerprint: v.exactOptional(v.string()) }),
  media_base_url: v.exactOptional(v.string()),
  report_base_urls: v.exactOptional(v.array(v.string())),
  media_plan: v.exactOptional(v.string()),
  labels: v.record(v.string(), v.string()),
  protected: v.boolean(),
  active_job: v.exactOptional(v.string()),
  cleanup_pending: v.exactOptional(v.boolean()),
  survey: v.exactOptional(SurveyView),
  /** What the last claim told of the machine, as it told it. */
  inventory: v.exactOptional(v.unknown()),
  created_at: Time,
  updated_at: Time,
})
export type MachineView = View<typeof MachineView>

export const MachineList = v.object({ machines: v.array(MachineView), next_cursor: NextCursor })
export type MachineList = View<typeof MachineList>

/** POST /api/v1/machines/{serial}/aliases */
export const AliasRequest = v.strictObject({ alias: Serial })

/** What an import did, by serial. */
export const ImportTally = v.object({
  added: v.array(v.string()),
  updated: v.array(v.string()),
  unchanged: v.array(v.string()),
})
export type ImportTally = View<typeof ImportTally>
