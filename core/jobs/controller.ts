// SPDX-License-Identifier: AGPL-3.0-or-later
import type { ControllerActions } from './oem.ts'

/** What a controller says of itself, read through links from its service root. */
export interface ControllerIdentity {
  /** `Vendor` of the service root, else `Manufacturer` of the system, else of the manager; '' when none. */
  readonly vendor: string
  /** `Product` of the service root, or ''. */
  readonly product: string
  readonly redfishVersion: string
  readonly systemManufacturer: string
  readonly systemModel: string
  readonly managerModel: string
  readonly managerFirmware: string
  /** Keys of the `Oem` objects of service root, system and manager, e.g. `Dell`, `Hpe`, `Supermicro`. */
  readonly oem: readonly string[]
}

/** Something that `probe` looks up, and what to say when it is not as it should be. */
export interface ProbeCheck {
  /** Property names from the resource on; links on the way are followed. */
  readonly from: 'system' | 'manager'
  readonly path: readonly string[]
  /** Source of a regular expression for the JSON found there. Nothing found: nothing said. */
  readonly expect: string
  readonly advice: string
}

/**
 * How one family of controllers departs from Redfish. Every rule in a profile names model and source.
 * Plain JSON, because it is kept with the survey: patterns are the source of a regular expression.
 */
export interface ControllerRules {
  /** `patch`: takes a PATCH of the VirtualMedia resource, though it does not say so in `Allow`. A listed action goes before it. */
  readonly insertBy?: 'action' | 'patch'
  /** Pattern for id or URI of the drives that take an image; others are listed but useless. */
  readonly usableDrives?: string
  /** Patterns for the ids that boot, best first; the boot image goes into the first one found. */
  readonly bootDrives?: readonly string[]
  /** Members of the first InsertMedia body beside `Image`. */
  readonly insertWith?: Readonly<Record<string, string | boolean>>
  /** Members that this family rejects; the ladder never adds them. */
  readonly insertWithout?: readonly string[]
  /** Boot target to prefer when it is among the allowable values. */
  readonly bootTarget?: string
  /** Send mode, enabled and target every time, even unchanged. */
  readonly fullBootTriple?: boolean
  /** Of the schemes that the drives say or leave open, only these are fetched. */
  readonly schemes?: readonly ('http' | 'https')[]
  /** A drive that refuses an image may be listed for other use (KVM): the plan passes over it, and is made again. */
  readonly nextDrive?: boolean
  /** Paths below the system to which no link leads; a capture reads them too. */
  readonly unlinked?: readonly string[]
  /** What to do where no drive takes an image: a sentence. */
  readonly mediaRemedy?: string
  /** Two images can be in at once: false forces plan `one`. */
  readonly twoImages?: boolean
  /** `SKU` is the unit's tag (equal to the DMI serial). */
  readonly skuIsSerial?: boolean
  /** Members of the session's body beside name and password; known by the service root alone. */
  readonly loginWith?: Readonly<Record<string, unknown>>
  /** Warnings about licence or firmware, shown by `probe`. */
  readonly advice?: readonly string[]
  /** Licence, lockdown and the like, looked up by `probe`. */
  readonly checks?: readonly ProbeCheck[]
}

/** What a family does otherwise: rules as data, functions only where data will not do. */
export interface ControllerProfile {
  /** Kebab case, e.g. `dell-idrac9`. */
  readonly name: string
  /** Why this profile was taken: the fact that matched. */
  readonly because: string
  readonly rules: ControllerRules
  readonly actions?: ControllerActions
}

/** A profile as it is kept with a survey: plain JSON. */
export interface ProfileFacts {
  readonly name: string
  readonly because: string
  readonly rules: ControllerRules
  /** Verbs that are done by OEM actions; absent when none is. */
  readonly oem?: readonly (keyof ControllerActions)[]
}

/** What is kept of a profile: its functions become their names. */
export const factsOf = ({ name, because, rules, actions }: ControllerProfile): ProfileFacts => ({
  ...{ name, because, rules },
  ...(actions && { oem: Object.keys(actions) as (keyof ControllerActions)[] }),
})
