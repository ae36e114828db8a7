// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'
import { JOB_RESULTS, JOB_STATUSES } from './job.ts'

/** Items of a page. */
export const PageLimit = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(500))

const says = <const T extends v.GenericSchema>(schema: T, text: string) =>
  v.exactOptional(v.pipe(schema, v.description(text)))

const page = {
  limit: says(PageLimit, 'items of a page; 100 when absent'),
  cursor: says(v.string(), '`next_cursor` of the page before'),
}
const label = says(
  v.array(v.pipe(v.string(), v.regex(/^[^=]+=/))),
  'only machines with this label, `key=value`; repeatable',
)

/** GET /api/v1/jobs */
export const JobQuery = v.object({
  status: says(v.picklist(JOB_STATUSES), 'only jobs in this status'),
  result: says(v.picklist(JOB_RESULTS), 'only jobs that ended so'),
  serial: says(v.string(), 'only jobs of this machine'),
  label,
  ...page,
})

/** GET /api/v1/machines */
export const MachineQuery = v.object({ label, ...page })

/** GET /api/v1/audit */
export const AuditQuery = v.object({
  since: says(v.pipe(v.string(), v.isoTimestamp()), 'only from this time on'),
  principal: says(v.string(), 'only what this user or program did'),
  job: says(v.string(), 'only about this job'),
  serial: says(v.string(), 'only about this machine, by the name it was called'),
  ...page,
})

/** POST /api/v1/jobs */
export const SubmitQuery = v.object({
  dry_run: says(v.picklist(['true', 'false']), '`true`: check everything, make nothing'),
})

/** Headers of POST /api/v1/jobs. */
export const SubmitHeaders = v.object({
  'Idempotency-Key': says(
    v.pipe(v.string(), v.regex(/^[\x21-\x7e]{1,200}$/)),
    'the same key with the same request gives the job it made at first',
  ),
})

/** GET /api/v1/jobs/{id}/log */
export const LogQuery = v.object({
  follow: says(
    v.picklist(['true', 'false']),
    '`true`: as server-sent events, until the job is over',
  ),
})

/** PUT /api/v1/maintenance */
export const MaintenanceQuery = v.object({
  sha256: says(
    v.pipe(v.string(), v.regex(/^[0-9A-Fa-f]{64}$/)),
    'refuse the image when its digest is another',
  ),
  any_build: says(
    v.picklist(['true', 'false']),
    '`true`: take it although it is of another build than the appliance',
  ),
})

/** GET /api/v1/backup */
export const BackupQuery = v.object({
  keys: says(
    v.picklist(['true', 'false']),
    '`false`: the database alone, without what is secret in clear; keep `keys/` elsewhere',
  ),
})
