// SPDX-License-Identifier: AGPL-3.0-or-later
import { defineFaults } from '../faults.ts'

export const webhookFaults = defineFaults('webhook', {
  unauthorized: { status: 401, retry: false },
  otherMachine: { status: 403, retry: false },
})
