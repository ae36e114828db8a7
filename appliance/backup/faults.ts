// SPDX-License-Identifier: AGPL-3.0-or-later
import { defineFaults } from '../../core/faults.ts'

export const backupFaults = defineFaults('backup', {
  /** The database is kept elsewhere. */
  remote: { status: 409, retry: false },
  running: { status: 409, retry: true },
  snapshot: { status: 507, retry: false, word: 'unavailable' },
  /** The archive is not one that we made, or not whole. */
  broken: { status: 400, retry: false },
  /** The folder has something in it. */
  notEmpty: { status: 409, retry: false },
  /** The key is missing, or another one. */
  key: { status: 409, retry: false },
})
