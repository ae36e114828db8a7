// SPDX-License-Identifier: AGPL-3.0-or-later
import { type Context, Hono } from 'hono'
import * as v from 'valibot'
import type { AuditEntry, AuditList } from '../../schemas/audit.ts'
import type { Auth } from '../auth/auth.ts'
import { requestFaults } from '../faults.ts'
import type { ApiEnv } from '../http/env.ts'
import { fromCursor, limitOf, toCursor } from '../http/query.ts'
import { checked } from '../http/read-json.ts'
import { type AuditRow, listAudit } from '../store/audit.ts'
import type { Db } from '../store/client.ts'

const Cursor = v.pipe(v.number(), v.integer())

/** Time and offset; a date alone would leave open whose midnight it is. */
const Since = v.pipe(v.string(), v.isoTimestamp())

function sinceOf(c: Context): number | undefined {
  const text = c.req.query('since')
  if (text === undefined) return undefined
  const at = v.is(Since, text) ? Date.parse(text) : Number.NaN
  if (!Number.isNaN(at)) return at
  throw requestFaults.invalid('since must be a time in RFC 3339, like 2026-03-01T10:00:00Z')
}

const entry = (row: AuditRow): AuditEntry => ({
  time: new Date(row.at).toISOString(),
  ...(row.principal === null ? {} : { principal: row.principal }),
  ...(row.role === null ? {} : { role: row.role }),
  ...(row.door === null ? {} : { by: row.door }),
  method: row.method,
  route: row.route,
  ...(row.jobId === null ? {} : { job_id: row.jobId }),
  ...(row.serial === null ? {} : { server_serial: row.serial }),
  ...(row.userName === null ? {} : { user: row.userName }),
  ...(row.object === null ? {} : { object: row.object }),
  status: row.status,
  ...(row.code === null ? {} : { code: row.code }),
  address: row.address,
  request_id: row.requestId,
})

/** `/api/v1/audit`: who did what. For admins. */
export function auditRoutes({ db, auth }: { db: Db; auth: Auth }): Hono<ApiEnv> {
  return new Hono<ApiEnv>().get('/', async (c) => {
    auth.require(c.get('principal'), 'admin')
    const cursor = fromCursor(c)
    const limit = limitOf(c)
    const found = await listAudit(db.read, {
      since: sinceOf(c),
      principal: c.req.query('principal'),
      jobId: c.req.query('job'),
      serial: c.req.query('serial'),
      beforeSeq: cursor === undefined ? undefined : checked(Cursor, cursor, 'the cursor'),
      limit: limit + 1,
    })
    const shown = found.slice(0, limit)
    const last = shown.at(-1)
    const list: AuditList = {
      entries: shown.map(entry),
      ...(found.length > limit && last ? { next_cursor: toCursor(last.seq) } : {}),
    }
    return c.json(list)
  })
}
