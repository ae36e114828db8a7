// SPDX-License-Identifier: AGPL-3.0-or-later
import { AsyncLocalStorage } from 'node:async_hooks'
import type { Context, MiddlewareHandler } from 'hono'
import { matchedRoutes } from 'hono/route'
import { Fault } from '../faults.ts'
import type { ApiEnv, AuditTarget } from '../http/env.ts'
import type { Logger } from '../log.ts'
import { addAudit, endAudit, type NewAuditRow } from '../store/audit.ts'
import type { Db, Tx } from '../store/client.ts'
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

/** How a call ended; of one that is still under way nothing is known. */
type Outcome = Pick<NewAuditRow, 'status' | 'code'>
const UNDER_WAY: Outcome = { status: 0, code: null }

/** Undefined for what nobody needs to know later: reads, and paths that do not exist. */
function rowOf(c: Context<ApiEnv>, at: number, outcome: Outcome): NewAuditRow | undefined {
  const told = c.get('audited')
  if (['GET', 'HEAD'].includes(c.req.method) && !told) return undefined
  const route = matchedRoutes(c).findLast(({ method }) => method !== 'ALL')?.path
  if (!route) return undefined
  const { job, serial, user, object } = { ...targetOf(route, c.req.path), ...told }
  const principal = c.get('principal')
  return {
    at,
    principal: principal?.name ?? null,
    role: principal?.role ?? null,
    door: principal?.by ?? null,
    method: c.req.method,
    route,
    jobId: job ?? null,
    serial: serial ?? null,
    userName: user ?? null,
    object: object ?? null,
    ...outcome,
    address: c.get('clientAddress') ?? '',
    requestId: c.get('requestId'),
  }
}

/** One call while it is answered. */
interface Call {
  /** Its row as of now. */
  row: () => NewAuditRow | undefined
  /** `open`: no write of it has begun. `over`: what still writes in its name is none of it. */
  state: 'open' | 'writing' | 'written' | 'over'
  /** Of its row, once that is committed. */
  seq: number | undefined
}

export interface Audit {
  /** The same database; the first write of a call takes the call's row into its transaction. */
  readonly db: Db
  /**
   * Writes down every call that changed something or was to, refused ones too, before its answer
   * goes out. What machines report is not among them: that is the story of their job.
   */
  readonly calls: MiddlewareHandler<ApiEnv>
}

/** With a change stands who asked for it, in one transaction: a crash leaves both or neither. */
export function createAudit({ db, log, now }: AuditParts): Audit {
  const byAddress = createThrottle({ limit: REFUSED_BY_ADDRESS, windowMs: MINUTE, now })
  const byAll = createThrottle({ limit: REFUSED_BY_ALL, windowMs: MINUTE, now })
  const answering = new AsyncLocalStorage<Call>()

  const tooMany = (address: string): boolean => {
    const caller = callerOf(address)
    if (byAddress.waitSeconds(caller) > 0 || byAll.waitSeconds('') > 0) return true
    byAddress.hit(caller)
    byAll.hit('')
    return false
  }
  const lost = (row: NewAuditRow, err: unknown) =>
    log.error({ audit: row, err }, 'a call could not be written to the audit log')

  const withSerial = async (tx: Tx, row: NewAuditRow): Promise<NewAuditRow> => {
    const serial = row.jobId && !row.serial ? (await findJob(tx, row.jobId))?.serial : row.serial
    return { ...row, serial: serial ?? null }
  }

  /** The call's row, beside what it changes. Its failure is no reason to refuse the call. */
  const begin = async (tx: Tx, call: Call): Promise<number | undefined> => {
    const row = call.row()
    if (!row) return undefined
    try {
      return await addAudit(tx, await withSerial(tx, row))
    } catch (err) {
      lost(row, err)
      return undefined
    }
  }

  const write: Db['write'] = async (work) => {
    const call = answering.getStore()
    if (call?.state !== 'open') return db.write(work)
    call.state = 'writing'
    try {
      const done = await db.write(async (tx) => ({
        value: await work(tx),
        seq: await begin(tx, call),
      }))
      if (call.state === 'writing') call.state = 'written'
      call.seq = done.seq
      return done.value
    } catch (error) {
      if (call.state === 'writing') call.state = 'open'
      throw error
    }
  }

  const end = (row: NewAuditRow, seq: number | undefined) =>
    db.write(async (tx) => {
      const whole = await withSerial(tx, row)
      if (seq === undefined) await addAudit(tx, whole)
      else await endAudit(tx, seq, whole)
    })

  return {
    db: { ...db, write },
    async calls(c, next) {
      const at = now()
      const call: Call = { state: 'open', seq: undefined, row: () => rowOf(c, at, UNDER_WAY) }
      await answering.run(call, next)
      call.state = 'over'
      // Runs that began in it live on for minutes; the request need not.
      call.row = () => undefined
      const code = c.error instanceof Fault ? c.error.code : null
      const row = rowOf(c, now(), { status: c.res.status, code })
      if (!row || (row.principal === null && tooMany(row.address))) return
      try {
        await end(row, call.seq)
      } catch (err) {
        // The call has had its effect; an answer of 500 would say that it has not.
        lost(row, err)
      }
    },
  }
}
