// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Scheme } from './jobs/bmc.ts'

/** Where this appliance can be reached. Ports are known once the listeners are open. */
export interface Addresses {
  /** Port of the BMC-facing listener of that scheme, undefined when it is off. */
  fieldPort(scheme: Scheme): number | undefined
  /** Port of the HTTPS API listener, undefined when it is off. */
  apiPort(): number | undefined
  /** Origin of the loopback API listener, undefined when it is off. */
  localUrl(): string | undefined
  /** IP addresses of this box that are not loopback or link-local. */
  own(): readonly string[]
  /** Names that people gave this box: of its certificate and its base URLs, lower case. */
  names(): readonly string[]
}
