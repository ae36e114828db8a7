// SPDX-License-Identifier: AGPL-3.0-or-later
import { defineFaults } from '../faults.ts'

/** How to log in, said with every 401 (RFC 7617 §2.1, RFC 6750 §3). */
export const CHALLENGE = {
  'WWW-Authenticate': 'Basic realm="slipway", charset="UTF-8", Bearer realm="slipway"',
} as const

export const authFaults = defineFaults('auth', {
  unauthorized: { status: 401, retry: false },
  forbidden: { status: 403, retry: false },
  throttled: { status: 429, retry: true },
  busy: { status: 503, retry: true },
  config: { status: 500, retry: false },
})

/** A login that failed; says no more than the caller may know. */
export const refused = (message: string, cause?: unknown) =>
  authFaults.unauthorized(message, { headers: CHALLENGE, ...(cause ? { cause } : {}) })
