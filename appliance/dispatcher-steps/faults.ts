// SPDX-License-Identifier: AGPL-3.0-or-later
import { defineFaults } from '../../core/faults.ts'

/** Why a step ended; the sentence becomes the reason of the job. */
export const stepFaults = defineFaults('step', {
  input: { status: 500, retry: false },
  command: { status: 500, retry: false },
  diskTooSmall: { status: 409, retry: false },
  diskFull: { status: 500, retry: false },
  partitions: { status: 500, retry: false },
  image: { status: 500, retry: false },
})
