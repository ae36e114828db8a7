// SPDX-License-Identifier: AGPL-3.0-or-later
import type { ControllerIdentity, ControllerProfile, ProfileFacts } from './controller.ts'
import type { Drive, Scheme } from './drive.ts'

export type { Drive, Scheme } from './drive.ts'

/** What the image in it is for; which of the controller's drives that is, the media plan says. */
export type MediaSlot = 'boot' | 'task'

export type PowerState = 'On' | 'Off' | 'PoweringOn' | 'PoweringOff' | 'Unknown'

/** Where the images go and what boots. */
export interface MediaPlan {
  readonly name: 'two-cd' | 'cd-usb' | 'one'
  /** Drive URI by slot; plan `one` has no `task`. */
  readonly drives: Readonly<Partial<Record<MediaSlot, string>>>
  readonly scheme: Scheme
  /** Value for `BootSourceOverrideTarget`. */
  readonly bootTarget: string
  /** One sentence: why this plan. */
  readonly why: string
}

export interface BmcState {
  readonly power: PowerState
  readonly drives: readonly Drive[]
  readonly bootOverride: { readonly enabled: string; readonly target: string } | undefined
}

/** What `probe` shows. Read only. */
export interface ControllerSurvey extends BmcState {
  readonly identity: ControllerIdentity
  readonly profile: ProfileFacts
  /** Undefined when no plan is possible; then a warning says why. */
  readonly plan: MediaPlan | undefined
  readonly systemUri: string
  /** SerialNumber of the ComputerSystem, and what else names the unit (UUID, SKU by rule). */
  readonly serial: string | undefined
  readonly uuid: string | undefined
  readonly aliases: readonly string[]
  /** Licence, firmware, lockdown, missing capabilities. */
  readonly warnings: readonly string[]
}

/**
 * A controller's resources by path, without anything that tells whose it is; under `#capture` what
 * they do not show by themselves. A simulator can play it.
 */
export type ControllerCapture = Readonly<Record<string, unknown>>

/** One request to a controller and what came of it, secrets removed. */
export interface BmcExchange {
  /** Unix ms. */
  readonly at: number
  readonly ms: number
  readonly method: string
  readonly path: string
  /** What was sent; undefined for no body. */
  readonly sent?: string | undefined
  /** Undefined when no answer came. */
  readonly status?: number | undefined
  readonly answer?: string | undefined
  /** Why no answer came. */
  readonly error?: string | undefined
}

/** Told by a Bmc while it works; goes into the job's log word for word, secrets removed. */
export interface BmcWatch {
  note(level: 'info' | 'warn' | 'error', message: string): void
  /** For the transcript of a job; absent where nobody keeps one. */
  exchanged?(exchange: BmcExchange): void
  /** The controller gave its first answer, whatever it was. */
  answered?(): void
  /** Somebody waits at a keyboard: a first contact that fails is told, not repeated. */
  readonly hurried?: boolean
}

/**
 * A session with one controller. Every verb is confirmed by reading, may be repeated, ends at the
 * signal, and throws a Fault of area `redfish`. Core says when; a plugin says how.
 */
export interface Bmc extends AsyncDisposable {
  readonly identity: ControllerIdentity
  readonly profile: ControllerProfile
  /** Our own address on the connection to this controller, an IP. */
  readonly localAddress: string
  read(signal: AbortSignal): Promise<BmcState>
  survey(signal: AbortSignal): Promise<ControllerSurvey>
  /** Read only, bounded in number, size and time. Absent where there are no resources to read. */
  capture?(signal: AbortSignal): Promise<ControllerCapture>
  /** Throws `redfish.no-media` when the controller can not take our images. */
  plan(signal: AbortSignal): Promise<MediaPlan>
  /** Forced; returns when the controller reads Off. */
  powerOff(signal: AbortSignal): Promise<void>
  /** Returns when the controller reads On. */
  powerOn(signal: AbortSignal): Promise<void>
  /** Forced restart of a machine that is On: the second launch. */
  restart(signal: AbortSignal): Promise<void>
  insertMedia(driveUri: string, imageUrl: string, signal: AbortSignal): Promise<void>
  /**
   * Takes the image out. `confirmed` when within 60 s the drive reads empty, NotConnected or holds
   * an image that `ours` denies; `stale` when the eject was answered 2xx but the drive still shows it.
   */
  ejectMedia(
    driveUri: string,
    ours: (imageUrl: string) => boolean,
    signal: AbortSignal,
  ): Promise<'confirmed' | 'stale'>
  /** A read-back that differs is noted as a warning, not thrown. */
  overrideBootOnce(bootTarget: string, signal: AbortSignal): Promise<void>
  /** Nothing when it already reads Disabled. */
  clearBootOverride(signal: AbortSignal): Promise<void>
}
