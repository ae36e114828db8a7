// SPDX-License-Identifier: AGPL-3.0-or-later

import { type Column, table } from '../../core/table.ts'
import { localTime } from '../../core/times.ts'
import { DAY, HOUR, MINUTE } from '../../core/units.ts'
import type { AuditEntry, AuditList } from '../../schemas/audit.ts'
import type { CliCommand } from './command.ts'
import { EXIT } from './exit.ts'
import { LIST_OPTIONS, readPages } from './page.ts'
import { usageProblem } from './problem.ts'

const UNITS_MS: Readonly<Record<string, number>> = { m: MINUTE, h: HOUR, d: DAY }

/** `2h`, `7d` or anything that is a time; RFC 3339 for the API. */
function sinceOf(text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  const [, count, unit = ''] = /^(\d{1,6})([mhd])$/.exec(text) ?? []
  const at = count ? Date.now() - Number(count) * (UNITS_MS[unit] ?? 0) : Date.parse(text)
  if (!Number.isNaN(at)) return new Date(at).toISOString()
  throw usageProblem('--since is 30m, 2h, 7d or a time like 2026-03-01T10:00:00Z')
}

export const auditList: CliCommand = {
  words: ['audit', 'list'],
  summary: 'who did what to which job, machine or user, the newest first',
  about: 'For admins. Refused calls are in it too; bodies and secrets never are.',
  options: {
    since: { value: 'TIME', summary: 'only from then on: 30m, 2h, 7d, or RFC 3339' },
    principal: { value: 'NAME', summary: 'only what this user or program did' },
    job: { value: 'JOB', summary: 'only about this job' },
    serial: { value: 'SERIAL', summary: 'only about this machine, by the name it was called' },
    ...LIST_OPTIONS,
  },
  examples: ['slipway audit list --since 2h', 'slipway audit list --serial XF-1 --json'],
  async run({ flags, out, client: open }) {
    const query = {
      since: sinceOf(flags.text('since')),
      principal: flags.text('principal'),
      job: flags.text('job'),
      serial: flags.text('serial'),
    }
    const { items, ...rest } = await readPages<AuditList, AuditEntry>(
      await open(),
      '/api/v1/audit',
      query,
      flags,
      (page) => page.entries,
    )
    out.answer({ entries: items, ...rest }, ({ entries }) =>
      entries.length === 0 ? ['nothing was written down'] : table(entries, COLUMNS, out.columns()),
    )
    if (rest.next_cursor && !out.json) out.note('there are more: --limit N or --all')
    return EXIT.ok
  },
}

const COLUMNS: readonly Column<AuditEntry>[] = [
  { title: 'TIME', value: (entry) => localTime(entry.time) },
  { title: 'WHO', value: (entry) => entry.principal ?? '-' },
  { title: 'FROM', value: (entry) => entry.address },
  { title: 'CALL', value: (entry) => `${entry.method} ${entry.route}` },
  {
    title: 'ANSWER',
    value: (entry) => `${entry.status || 'none'}${entry.code ? ` ${entry.code}` : ''}`,
  },
  {
    title: 'ABOUT',
    value: (entry) =>
      [entry.user, entry.server_serial, entry.job_id, entry.object]
        .filter((name) => name)
        .join(' '),
  },
]
