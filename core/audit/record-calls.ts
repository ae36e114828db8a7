// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Context, MiddlewareHandler } from 'hono'
import { matchedRoutes } from 'hono/route'
import { Fault } from '../faults.ts'
import type { ApiEnv, AuditTarget } from '../http/env.ts'
import type { Logger } from '../log.ts'
import { addAudit, type NewAuditRow } from '../store/audit.ts'
import type { Db } from '../store/client.ts'
import { findJob } from '../store/jobs.ts'
import { callerOf, createThrottle } from '../throttle.ts'
import { MINUTE } from '../units.ts'

export interface AuditParts {
  readonly db: Db
  readonly log: Logger
  /** Unix ms. */
  readonly now: () => number
}

/** Names come from outside; longer ones are none of ours. */
const LONGEST_NAME = 128

/** Calls without a login are many and cheap to make: so many a minute are worth a row. */
const REFUSED_BY_ADDRESS = 20
const REFUSED_BY_ALL = 300

/** First segment of the path below the version → which target its first parameter names. */
const TARGETS: Readonly<Record<string, keyof AuditTarget>> = {
  jobs: 'job',
  machines: 'serial',
  users: 'user',
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    return segment // no name of ours has such an escape; as it came it still says what was asked
  }
}

/** What the path names: `/api/v1/jobs/:id/cancel` a job. */
function targetOf(route: string, path: string): AuditTarget {
  const [, , , area = '', parameter = ''] = route.split('/')
  const kind = TARGETS[area]
  if (!kind || !parameter.startsWith(':')) return {}
  return { [kind]: decoded(path.split('/')[4] ?? '').slice(0, LONGEST_NAME) }
}

/** Undefined for what nobody needs to know later: reads, and paths that do not exist. */
function rowOf(c: Context<ApiEnv>, now: number): NewAuditRow | undefined {
  const told = c.get('audited')
  if (['GET', 'HEAD'].includes(c.req.method) && !told) return undefined
  const route = matchedRoutes(c).findLast(({ method }) => method !== 'ALL')?.path
  if (!route) return undefined
  const { job, serial, user } = { ...targetOf(route, c.req.path), ...told }
  const principal = c.get('principal')
  return {
    at: now,
    principal: principal?.name ?? null,
    role: principal?.role ?? null,
    door: principal?.by ?? null,
    method: c.req.method,
    route,
    jobId: job ?? null,
    serial: serial ?? null,
    userName: user ?? null,
    status: c.res.status,
    code: c.error instanceof Fault ? c.error.code : null,
    address: c.get('clientAddress') ?? '',
    requestId: c.get('requestId'),
  }
}

/**
 * Writes down every call that changed something or was to, refused ones too, before its answer goes
 * out. What machines report is not among them: that is the story of their job.
 */
export function recordCalls({ db, log, now }: AuditParts): MiddlewareHandler<ApiEnv> {
  const byAddress = createThrottle({ limit: REFUSED_BY_ADDRESS, windowMs: MINUTE, now })
  const byAll = createThrottle({ limit: REFUSED_BY_ALL, windowMs: MINUTE, now })
  const tooMany = (address: string): boolean => {
    const caller = callerOf(address)
    if (byAddress.waitSeconds(caller) > 0 || byAll.waitSeconds('') > 0) return true
    byAddress.hit(caller)
    byAll.hit('')
    return false
  }
  const store = (row: NewAuditRow) =>
    db.write(async (tx) => {
      const serial = row.jobId && !row.serial ? (await findJob(tx, row.jobId))?.serial : row.serial
      await addAudit(tx, { ...row, serial: serial ?? null })
    })
  return async (c, next) => {
    await next()
    const row = rowOf(c, now())
    if (!row || (row.principal === null && tooMany(row.address))) return
    try {
      await store(row)
    } catch (err) {
      // The call has had its effect; an answer of 500 would say that it has not.
      log.error({ audit: row, err }, 'a call could not be written to the audit log')
    }
  }
}
