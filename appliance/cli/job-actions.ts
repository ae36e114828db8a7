// SPDX-License-Identifier: AGPL-3.0-or-later
import type { JobAccepted, JobView } from '../../schemas/job.ts'
import type { CliCommand } from './command.ts'
import { EXIT } from './exit.ts'
import { CONTROLLER_TIMEOUT_MS, sayAccepted } from './job-create.ts'
import { standing } from './job-lines.ts'
import { JOB_OR_SERIAL, jobId } from './job-lookup.ts'
import { watchJobs } from './watch.ts'

/** What changes something takes no serial: the newest job may be another than was meant. */
const JOB_ID = { name: 'JOB', summary: 'id of the job' }

export const jobCancel: CliCommand = {
  words: ['job', 'cancel'],
  summary: 'stop a job; a machine that was touched is powered off and cleaned up',
  arguments: [JOB_ID],
  options: { reason: { value: 'TEXT', summary: 'kept in the job’s log' } },
  examples: ['slipway job cancel 5b1c6a52-6c0e-4a53-9a0b-0f6b0f6b1c11 --reason "wrong rack"'],
  async run({ args: [id = ''], flags, out, client: open }) {
    const client = await open()
    const reason = flags.text('reason')
    const job = await client.json<JobView>(
      'POST',
      `/api/v1/jobs/${encodeURIComponent(id)}/cancel`,
      {
        body: reason === undefined ? {} : { reason },
        timeoutMs: CONTROLLER_TIMEOUT_MS,
      },
    )
    out.answer(job, () => [`job ${job.job_id} for ${job.server_serial} is ${standing(job)}`])
    return EXIT.ok
  },
}

export const jobRetry: CliCommand = {
  words: ['job', 'retry'],
  summary: 'a new job with the recipe of one that is over',
  arguments: [JOB_ID],
  options: { watch: { short: 'w', summary: 'stay and show how it goes' } },
  examples: ['slipway job retry 5b1c6a52-6c0e-4a53-9a0b-0f6b0f6b1c11 --watch'],
  async run({ args: [id = ''], flags, out, client: open }) {
    const client = await open()
    const path = `/api/v1/jobs/${encodeURIComponent(id)}/retry`
    const options = { body: {}, timeoutMs: CONTROLLER_TIMEOUT_MS }
    const accepted = await client.json<JobAccepted>('POST', path, options)
    return sayAccepted(client, accepted, flags, out)
  },
}

export const jobWatch: CliCommand = {
  words: ['job', 'watch'],
  summary: 'show how jobs go, until they are complete',
  about:
    'At a terminal a view that is redrawn; piped one line a change; with --json one document\na line. The exit code tells how the jobs ended. Ctrl-C ends the view, not the jobs.',
  arguments: [{ ...JOB_OR_SERIAL, many: true }],
  examples: ['slipway job watch XF-1', 'slipway job watch XF-1 XF-2 XF-3 | tee rollout.log'],
  async run({ args, out, client: open }) {
    const client = await open()
    const ids = await Promise.all(args.map((word) => jobId(client, word)))
    return watchJobs(client, [...new Set(ids)], out)
  },
}
