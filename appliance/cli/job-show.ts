// SPDX-License-Identifier: AGPL-3.0-or-later

import { facts } from '../../core/table.ts'
import { ago, localTime, sizeOf, span, timeOfDay } from '../../core/times.ts'
import type { JobMedia, JobView } from '../../schemas/job.ts'
import type { CliCommand } from './command.ts'
import { EXIT } from './exit.ts'
import { eventText, evidenceText, failureText, progressText } from './job-lines.ts'
import { JOB_OR_SERIAL, jobId } from './job-lookup.ts'

export const jobShow: CliCommand = {
  words: ['job', 'show'],
  summary: 'all that is known of a job',
  arguments: [JOB_OR_SERIAL],
  examples: ['slipway job show XF-1', 'slipway job show XF-1 --json | jq .media_plan'],
  async run({ args: [word = ''], out, client: open }) {
    const client = await open()
    const job = await client.json<JobView>('GET', `/api/v1/jobs/${await jobId(client, word)}`)
    out.answer(job, () => jobPage(job, Date.now()))
    return EXIT.ok
  },
}

/** The whole story of a job: how it stands, its media, and what happened in order. */
export function jobPage(job: JobView, now: number): readonly string[] {
  const story = storyLines(job)
  return [
    ...facts([
      ['job', job.job_id],
      ['machine', job.server_serial],
      ['task target', job.task_target],
      ['status', job.status],
      ['result', job.result],
      ['failed', job.result === 'succeeded' ? '' : failureText(job)],
      ['last seen', job.diagnosis?.last_seen],
      ['next would be', job.diagnosis?.usually_follows],
      ['look at', job.diagnosis?.look_at],
      ['progress', job.progress && !job.result ? progressText(job.progress) : ''],
      ['cleanup', job.cleanup],
      ['retry of', job.retry_of],
      ['media plan', [job.media_plan, job.media_plan_reason].filter(Boolean).join(': ')],
      ['created', `${moment(job.created_at, now)} by ${job.created_by}`],
      ['powered on', moment(job.powered_on_at, now)],
      ['launches', job.launches > 1 ? String(job.launches) : ''],
      ['claimed', moment(job.claimed_at, now)],
      ['booted', moment(job.booted_at, now)],
      ['completed', completed(job, now)],
    ]),
    ...(job.media.length > 0 ? ['', 'Media:', ...job.media.flatMap(mediaLines)] : []),
    ...(story.length > 0 ? ['', 'What happened:', ...story] : []),
  ]
}

function moment(time: string | undefined, now: number): string {
  return time === undefined ? '' : `${localTime(time)} (${ago(time, now)})`
}

function completed({ completed_at, created_at }: JobView, now: number): string {
  if (completed_at === undefined) return ''
  const took = span(Date.parse(completed_at) - Date.parse(created_at))
  return `${moment(completed_at, now)}, after ${took}`
}

function mediaLines({ slot, name, drive, size_bytes, bytes_read, url }: JobMedia) {
  const read = `${sizeOf(bytes_read)} of ${sizeOf(size_bytes)} read`
  return [`  ${slot}: ${name} in ${drive}, ${read}`, `    ${url}`]
}

/** Log and evidence in the order in which they happened; a new day is said. */
function storyLines({ events = [], evidence = [] }: JobView): readonly string[] {
  const lines = [
    ...events.map((event) => ({ time: event.time, text: eventText(event) })),
    ...evidence.map((seen) => ({ time: seen.time, text: `seen ${evidenceText(seen)}` })),
  ].sort((a, b) => Date.parse(a.time) - Date.parse(b.time))
  let day = ''
  return lines.flatMap(({ time, text }) => {
    const today = localTime(time).split(' ')[0] ?? ''
    const head = today === day ? [] : [`  ${today}`]
    day = today
    return [...head, `  ${timeOfDay(time)}  ${text}`]
  })
}
