// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'

const Serial = v.pipe(v.string(), v.trim(), v.minLength(1), v.maxLength(64))
const HttpUrl = v.pipe(
  v.string(),
  v.url(),
  v.regex(/^https?:\/\//, 'must begin with http:// or https://'),
)
const Fingerprint = v.pipe(
  v.string(),
  v.toUpperCase(),
  v.regex(/^([0-9A-F]{2}:){31}[0-9A-F]{2}$/, 'SHA-256 as 32 hex pairs with colons'),
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

/** A machine as the API shows it; credentials are never returned. */
export interface MachineView {
  readonly serial: string
  readonly aliases: readonly string[]
  readonly bmc_url: string
  readonly system_uri?: string
  readonly username: string
  readonly tls: { readonly mode: string; readonly fingerprint?: string }
  readonly media_base_url?: string
  readonly report_base_urls?: readonly string[]
  readonly media_plan?: string
  readonly labels: Readonly<Record<string, string>>
  readonly protected: boolean
  readonly active_job?: string
  readonly cleanup_pending?: boolean
  readonly survey?: SurveyView
  readonly inventory?: unknown
  readonly created_at: string
  readonly updated_at: string
}

/** POST /api/v1/machines/{serial}/probe, and `survey` of a machine. */
export interface SurveyView {
  readonly vendor: string
  readonly model: string
  readonly firmware: string
  readonly redfish_version: string
  readonly profile: string
  readonly profile_because: string
  readonly power: string
  readonly serial?: string
  readonly uuid?: string
  readonly aliases: readonly string[]
  readonly system_uri: string
  readonly drives: readonly {
    readonly id: string
    readonly uri: string
    readonly owner: string
    readonly media_types: readonly string[]
    readonly schemes: readonly string[]
    readonly inserted: boolean
    readonly image?: string
  }[]
  readonly boot_override?: {
    readonly enabled: string
    readonly target: string
  }
  readonly media_plan?: string
  readonly media_plan_reason?: string
  readonly boot_target?: string
  readonly warnings: readonly string[]
}

export interface MachineList {
  readonly machines: readonly MachineView[]
  readonly next_cursor?: string
}
