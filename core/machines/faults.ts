// SPDX-License-Identifier: AGPL-3.0-or-later
import { defineFaults } from '../faults.ts'

export const machineFaults = defineFaults('machine', {
  notFound: { status: 404, retry: false },
  ambiguous: { status: 409, retry: false },
  protected: { status: 409, retry: false },
  exists: { status: 409, retry: false },
  busy: { status: 409, retry: false },
  noBmc: { status: 502, retry: false },
  placeholder: { status: 400, retry: false },
  import: { status: 400, retry: false },
  /** Silence until the deadline. */
  silent: { status: 504, retry: false },
  unclaimed: { status: 504, retry: false },
  restarted: { status: 409, retry: false },
})
