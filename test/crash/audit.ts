// SPDX-License-Identifier: AGPL-3.0-or-later
import { Database } from 'bun:sqlite'
import { join } from 'node:path'

/**
 * A witness inside the database: triggers write down every change of status, result and claim in the
 * very transaction that makes it. Only for the database of an appliance in another process: two
 * SQLite libraries in one process do not see each other's locks.
 */
const TRIGGERS = `
  create table crash_audit (seq integer primary key, job text, what text);
  create trigger crash_status after update of status on jobs when old.status is not new.status begin
    insert into crash_audit (job, what) values (new.id, old.status || '>' || new.status);
  end;
  create trigger crash_result after update of result on jobs when old.result is not new.result begin
    insert into crash_audit (job, what) values (new.id, 'result ' || ifnull(old.result, 'none') || '>' || ifnull(new.result, 'none'));
  end;
  create trigger crash_claim after update of claimed_at on jobs when old.claimed_at is not new.claimed_at begin
    insert into crash_audit (job, what) values (new.id, 'claim ' || iif(old.claimed_at is null, 'first', 'again'));
  end;`

const file = (dataDir: string) => join(dataDir, 'slipway.db')

export function installAudit(dataDir: string): void {
  using db = new Database(file(dataDir))
  db.run(TRIGGERS)
}

/** A job as the database knows it once all is over. */
export interface AuditedJob {
  readonly id: string
  readonly serial: string
  readonly status: string
  readonly result: string | null
  readonly failed_code: string | null
  readonly cleanup: string | null
  readonly claimed_at: number | null
  readonly settle_begun_at: number | null
  readonly lease_owner: string | null
}

export function auditedJobs(dataDir: string): AuditedJob[] {
  using db = new Database(file(dataDir), { readonly: true })
  return db
    .query<AuditedJob, []>(
      `select id, serial, status, result, failed_code, cleanup, claimed_at, settle_begun_at, lease_owner
       from jobs order by created_at`,
    )
    .all()
}

/** What the database itself shows to be wrong with a job that should be over. */
export function auditFindings(dataDir: string, job: AuditedJob): string[] {
  using db = new Database(file(dataDir), { readonly: true })
  const changes = db
    .query<{ what: string }, [string]>('select what from crash_audit where job = ? order by seq')
    .all(job.id)
    .map(({ what }) => what)
  const of = (pattern: RegExp) => changes.filter((what) => pattern.test(what)).join(' ')
  const ended = job.result === 'succeeded' ? 'succeeded' : 'failed'
  const findings = [
    [of(/^\w+>\w+$/), `queued>provisioning provisioning>${ended} ${ended}>complete`],
    [of(/^result/), `result none>${job.result}`],
    [of(/^claim/), job.claimed_at === null ? '' : 'claim first'],
    [job.status, 'complete'],
    [job.cleanup, 'done'],
    [job.lease_owner, null],
  ]
  return findings
    .filter(([found, right]) => found !== right)
    .map(([found, right]) => `job ${job.id}: ${found}, not ${right}`)
}
