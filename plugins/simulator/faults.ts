// SPDX-License-Identifier: AGPL-3.0-or-later
import { defineFaults } from '../../core/faults.ts'

/** What can go wrong with a simulator itself; what it plays is not a fault. */
export const simulatorFaults = defineFaults('simulator', {
  unknownPersonality: { status: 400, retry: false },
  unknownScript: { status: 400, retry: false },
  /** A file that is no capture of a controller. */
  capture: { status: 400, retry: false },
  arguments: { status: 400, retry: false },
  listen: { status: 500, retry: false },
  /** The state that was waited for did not come. */
  late: { status: 500, retry: false },
})
