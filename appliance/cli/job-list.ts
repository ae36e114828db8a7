// SPDX-License-Identifier: AGPL-3.0-or-later

import { type Column, table } from '../../core/table.ts'
import { ago } from '../../core/times.ts'
import { JOB_RESULTS, JOB_STATUSES, type JobList, type JobView } from '../../schemas/job.ts'
import type { CliCommand } from './command.ts'
import { EXIT } from './exit.ts'
import { failureText, progressText, standing } from './job-lines.ts'
import { LIST_OPTIONS, readPages } from './page.ts'

export const jobList: CliCommand = {
  words: ['job', 'list'],
  summary: 'jobs, the newest first',
  options: {
    status: { value: 'STATUS', choices: JOB_STATUSES, summary: 'only those in this status' },
    result: { value: 'RESULT', choices: JOB_RESULTS, summary: 'only those that ended so' },
    serial: { value: 'SERIAL', summary: 'only those of this machine' },
    label: { value: 'K=V', repeat: true, summary: 'only those of machines with this label' },
    ...LIST_OPTIONS,
  },
  examples: [
    'slipway job list --status provisioning',
    'slipway job list --result failed --label rack=a12 --json',
  ],
  async run({ flags, out, client: open }) {
    const client = await open()
    const query = {
      status: flags.text('status'),
      result: flags.text('result'),
      serial: flags.text('serial'),
      label: flags.list('label'),
    }
    const { items, ...rest } = await readPages<JobList, JobView>(
      client,
      '/api/v1/jobs',
      query,
      flags,
      (page) => page.jobs,
    )
    out.answer({ jobs: items, ...rest }, ({ jobs }) =>
      jobs.length === 0 ? ['no jobs'] : table(jobs, columns(Date.now()), out.columns()),
    )
    if (rest.next_cursor && !out.json) out.note('there are more: --limit N or --all')
    return EXIT.ok
  },
}

const columns = (now: number): readonly Column<JobView>[] => [
  { title: 'JOB', value: (job) => job.job_id },
  { title: 'MACHINE', value: (job) => job.server_serial },
  { title: 'STATUS', value: (job) => job.status },
  { title: 'RESULT', value: (job) => job.result ?? '' },
  { title: 'CHANGED', value: (job) => ago(job.last_update, now) },
  { title: 'TARGET', value: (job) => job.task_target, cut: true },
  { title: 'DETAIL', value: detailOf, cut: true },
]

function detailOf(job: JobView): string {
  if (job.result) return failureText(job)
  return job.progress ? progressText(job.progress) : standing(job)
}
