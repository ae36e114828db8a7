// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'

const seconds = (fallback: number, description: string) =>
  v.pipe(
    v.optional(v.pipe(v.number(), v.minValue(0.01), v.maxValue(3_600)), fallback),
    v.description(description),
  )
const millis = (fallback: number, description: string) =>
  v.pipe(
    v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(60_000)), fallback),
    v.description(description),
  )
const count = (fallback: number, description: string) =>
  v.pipe(
    v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(100)), fallback),
    v.description(description),
  )

/** The table `[redfish]` of the configuration. */
export const RedfishConfig = v.strictObject({
  profiles: v.pipe(
    v.optional(v.array(v.string()), []),
    v.description('JSON files with rules for controllers, asked before the built-in ones'),
  ),
  contact_timeout_s: seconds(30, 'for the first answer of a BMC, all attempts together'),
  connect_timeout_s: seconds(10, 'until a BMC has accepted the connection and its TLS'),
  request_timeout_s: seconds(60, 'for one request to a BMC, its whole answer included'),
  poll_ms: millis(2_000, 'pause between two looks at a BMC that is busy with our order'),
  insert_timeout_s: seconds(180, 'for a BMC to take an image in'),
  insert_confirm_s: seconds(20, 'until the drive shows the image; later is a warning'),
  eject_timeout_s: seconds(60, 'until the drive reads empty after an eject'),
  boot_timeout_s: seconds(120, 'for the boot override, while the machine is in its self test'),
  power_timeout_s: seconds(300, 'until the power state is the one we asked for'),
  retries: count(5, 'attempts of a request that may be repeated'),
  retry_pause_ms: millis(1_000, 'pause before the second attempt; doubles with each'),
  rung_pause_ms: millis(3_000, 'pause before media are tried again after a 5xx'),
  concurrency_per_bmc: count(2, 'requests to one BMC at the same time'),
  breaker_failures: count(5, 'failed connections in a row before a BMC is left alone'),
  breaker_pause_s: seconds(30, 'how long it is left alone'),
})
export type RedfishConfig = v.InferOutput<typeof RedfishConfig>

/** The same in ms. */
export interface RedfishOptions {
  /** Until the service root was read, all attempts together. */
  readonly contactTimeoutMs: number
  /** TCP and TLS together. */
  readonly connectTimeoutMs: number
  /** One exchange, the body included; an insert has `insertTimeoutMs` instead. */
  readonly requestTimeoutMs: number
  readonly pollMs: number
  readonly insertTimeoutMs: number
  /** After a 2xx: until the drive shows the image. */
  readonly insertConfirmMs: number
  readonly ejectTimeoutMs: number
  /** The longest self test that is waited for. */
  readonly bootTimeoutMs: number
  readonly powerTimeoutMs: number
  /** Attempts in all, the first included. */
  readonly retries: number
  readonly retryPauseMs: number
  readonly rungPauseMs: number
  readonly concurrencyPerBmc: number
  readonly breakerFailures: number
  readonly breakerPauseMs: number
}

/** Turns seconds of the file into milliseconds of the code, once. */
export const optionsOf = (config: RedfishConfig): RedfishOptions => ({
  contactTimeoutMs: config.contact_timeout_s * 1_000,
  connectTimeoutMs: config.connect_timeout_s * 1_000,
  requestTimeoutMs: config.request_timeout_s * 1_000,
  pollMs: config.poll_ms,
  insertTimeoutMs: config.insert_timeout_s * 1_000,
  insertConfirmMs: config.insert_confirm_s * 1_000,
  ejectTimeoutMs: config.eject_timeout_s * 1_000,
  bootTimeoutMs: config.boot_timeout_s * 1_000,
  powerTimeoutMs: config.power_timeout_s * 1_000,
  retries: config.retries,
  retryPauseMs: config.retry_pause_ms,
  rungPauseMs: config.rung_pause_ms,
  concurrencyPerBmc: config.concurrency_per_bmc,
  breakerFailures: config.breaker_failures,
  breakerPauseMs: config.breaker_pause_s * 1_000,
})
