// SPDX-License-Identifier: AGPL-3.0-or-later
import { defineFaults } from '../faults.ts'

export const certificateFaults = defineFaults('certificates', {
  broken: { status: 500, retry: false },
  notNow: { status: 500, retry: false },
  name: { status: 400, retry: false },
})
