// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Drive } from './drive.ts'

/** One message of a controller (Redfish `Message` object), as far as it said something. */
export interface OemMessage {
  /** `Base.1.8.ActionParameterMissing`; '' when the controller gave none. */
  readonly id: string
  /** Word for word; '' when it gave only an id, as iLO does. */
  readonly text: string
  readonly args: readonly string[]
  readonly resolution: string
}

/** An answer of the BMC, its body parsed, its words free of secrets. */
export interface OemAnswer {
  readonly host: string
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  readonly path: string
  readonly status: number
  readonly ok: boolean
  header(name: string): string | undefined
  /** Parsed JSON, to be checked before it is used; undefined when the body is empty or no JSON. */
  readonly body: unknown
  readonly messages: readonly OemMessage[]
  /** What it said, word for word, in one line; '' when nothing. */
  readonly said: string
}

/** What was attempted: the fault's code is `redfish.` and this word. */
export type OemDeed = 'insert' | 'eject' | 'boot' | 'power'

/**
 * Requests to one controller within one verb: over its session, its TLS policy and its limits, and
 * to no other host. Ends with the verb's signal.
 */
export interface OemClient {
  readonly host: string
  readonly systemUri: string
  readonly managerUris: readonly string[]
  /** Throws what is not 2xx; busy controllers are asked again. */
  get(path: string): Promise<OemAnswer>
  /** Reads what may not be there: returns an answer of any status. */
  look(path: string): Promise<OemAnswer>
  /** Returns the answer, whatever its status; again after a 5xx or a lost connection. */
  post(path: string, body: unknown): Promise<OemAnswer>
  /** Reads the resource's ETag and sends it in the form that is taken. Returns the last answer. */
  patch(path: string, body: unknown): Promise<OemAnswer>
  /**
   * Ends an order: waits for the task behind a 202. Throws a named fault with the controller's own
   * words when the order was refused or its task ended badly. `what` begins the sentence.
   */
  finish(answer: OemAnswer, deed: OemDeed, what: string): Promise<void>
  /** Looks at the engine's own pace until `look` gives something; undefined when the time is over. */
  waitFor<T>(limitMs: number, look: () => Promise<T | undefined>): Promise<T | undefined>
  /** A line for the job's log; secrets are taken out behind it. */
  note(level: 'info' | 'warn' | 'error', message: string): void
}

/** One verb, with the standard's own way of doing it: call `standard` before, after, or not at all. */
export interface OemOrder {
  readonly oem: OemClient
  readonly standard: () => Promise<void>
}

/**
 * Verbs that a family does its own way. Each may be repeated, gives an order and sees that it was
 * taken; whether it had an effect is read by the engine, the same for all.
 */
export interface ControllerActions {
  /**
   * Drives that take images only by `insert`: listed ones without a usable standard action, or
   * others at OEM paths. One with the URI of a listed drive replaces it.
   */
  drives?(oem: OemClient, listed: readonly Drive[]): Promise<readonly Drive[]>
  /** The drive reads empty when this is called, as far as the controller tells. */
  insert?(order: OemOrder & { readonly drive: Drive; readonly imageUrl: string }): Promise<void>
  eject?(order: OemOrder & { readonly drive: Drive }): Promise<void>
  bootOnce?(order: OemOrder & { readonly target: string }): Promise<void>
  clearBoot?(order: OemOrder): Promise<void>
}
