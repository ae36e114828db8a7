// SPDX-License-Identifier: AGPL-3.0-or-later
import { defineFaults } from '../faults.ts'

export const jobFaults = defineFaults('job', {
  notFound: { status: 404, retry: false },
  /** The claim or report came for a job that is over. */
  over: { status: 410, retry: false },
  /** Somebody else holds this job. */
  claimed: { status: 409, retry: false },
  /** Power on is still under way. */
  notYet: { status: 503, retry: true },
  /** A step took longer than it may. */
  stepTimeout: { status: 504, retry: false },
  /** A bug of ours met while the job ran; the log has it. */
  unexpected: { status: 500, retry: false },
  logFull: { status: 413, retry: false },
})

/** What only core can say of a BMC, beside the `redfish` plugin's own table. */
export const evidenceFaults = defineFaults('redfish', {
  mediaNotFetched: { status: 504, retry: false },
  notBooted: { status: 504, retry: false },
  inUse: { status: 409, retry: false },
  /** After the eject; tried again, and the machine is not powered on meanwhile. */
  stillInserted: { status: 502, retry: false },
})
