// SPDX-License-Identifier: AGPL-3.0-or-later
import { defineFaults } from '../../core/faults.ts'

export const mediaFaults = defineFaults('media', {
  noMaintenanceIso: { status: 404, retry: false },
  /** The upload or file is no image that a machine can boot. */
  notBootable: { status: 400, retry: false },
  digestMismatch: { status: 400, retry: false },
  /** A maintenance ISO of ours, but of another build than this appliance. */
  otherBuild: { status: 409, retry: false },
  badDigest: { status: 400, retry: false },
  /** The sender went away, or the connection broke. */
  cutShort: { status: 400, retry: true },
  diskFull: { status: 507, retry: false, word: 'unavailable' },
  /** The folder, or what stands in it, can not be used. */
  storage: { status: 500, retry: false },
  /** The configured file or URL. */
  source: { status: 502, retry: true },
  listenerOff: { status: 500, retry: false },
})
