// SPDX-License-Identifier: AGPL-3.0-or-later
import type { ControllerSurvey } from '../jobs/bmc.ts'

/** How we know that we talk to the right controller. */
export type TlsPolicy =
  /** The system's and the given CAs. */
  | { readonly mode: 'ca'; readonly caPem?: string }
  /** SHA-256 of the certificate, upper-case hex pairs with colons. */
  | { readonly mode: 'pin'; readonly fingerprint: string }
  /** Pins what the first contact shows. */
  | { readonly mode: 'first-use' }
  /** No check at all; only when written out. */
  | { readonly mode: 'insecure' }

/** A server with a serial and a BMC: one (BMC, ComputerSystem URI). */
export interface Machine {
  /** Our own key; never changes. */
  readonly id: string
  readonly serial: string
  readonly aliases: readonly string[]
  readonly bmc: {
    /** Origin, e.g. `https://10.0.0.5`; http only when written out. */
    readonly url: string
    /** Undefined: the only ComputerSystem, found by links. */
    readonly systemUri: string | undefined
    readonly tls: TlsPolicy
  }
  /** Overrides `media.base_url` for this machine. */
  readonly mediaBaseUrl: string | undefined
  /** Overrides `report.base_url` for this machine. */
  readonly reportBaseUrls: readonly string[] | undefined
  /** Override of the plan; undefined: the controller decides. */
  readonly mediaPlan: 'two-cd' | 'cd-usb' | 'one' | undefined
  readonly labels: Readonly<Record<string, string>>
  /** Jobs are refused. */
  readonly protected: boolean
  /** What the last claim reported: CPU, memory, disks, NICs. */
  readonly inventory: unknown
  /** The last probe, or undefined. */
  readonly survey: ControllerSurvey | undefined
  readonly createdAt: number
  readonly updatedAt: number
}

export interface Credentials {
  readonly username: string
  readonly password: string
}
