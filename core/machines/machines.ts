// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Credentials, Machine } from './machine.ts'

/** What plugins may ask of machines. */
export interface Machines {
  /** Unsealed; never log or return them. Throws when the key file is not the one that sealed them. */
  credentials(machine: Machine): Promise<Credentials>
  /** Keeps the fingerprint of the first contact (`first-use` becomes `pin`). */
  pin(machine: Machine, fingerprint: string): Promise<void>
}
