// SPDX-License-Identifier: AGPL-3.0-or-later
import { defineFaults } from '../../core/faults.ts'

export const installFaults = defineFaults('install', {
  /** A name or path that a unit can not hold. */
  invalid: { status: 400, retry: false },
  /** The system did not let us. */
  refused: { status: 500, retry: false },
})
