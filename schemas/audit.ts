// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'
import { Role } from './user.ts'
import { NextCursor, Time, type View } from './view.ts'

/** One call that changed something, or was to: who, what, to whom, and how it ended. */
export const AuditEntry = v.object({
  time: Time,
  /** Absent when the login was refused: nobody is known then. */
  principal: v.exactOptional(v.string()),
  role: v.exactOptional(Role),
  by: v.exactOptional(v.picklist(['token', 'basic', 'jwt'])),
  method: v.string(),
  /** The path with its parameters named: `/api/v1/jobs/:id/cancel`. */
  route: v.string(),
  job_id: v.exactOptional(v.string()),
  server_serial: v.exactOptional(v.string()),
  user: v.exactOptional(v.string()),
  /** What else it was done to: an image, a policy. */
  object: v.exactOptional(v.string()),
  /** 0: the appliance ended before it answered, and what the call changed stands. */
  status: v.pipe(v.number(), v.integer()),
  /** Code of the refusal. */
  code: v.exactOptional(v.string()),
  address: v.string(),
  request_id: v.string(),
})
export type AuditEntry = View<typeof AuditEntry>

/** GET /api/v1/audit: the newest first. */
export const AuditList = v.object({ entries: v.array(AuditEntry), next_cursor: NextCursor })
export type AuditList = View<typeof AuditList>
