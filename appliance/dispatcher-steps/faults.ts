// SPDX-License-Identifier: AGPL-3.0-or-later
import { defineFaults } from '../../core/faults.ts'

/** Why a step ended; the sentence becomes the reason of the job. */
export const stepFaults = defineFaults('step', {
  diskTooSmall: { status: 409, retry: false },
})
