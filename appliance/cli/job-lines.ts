// SPDX-License-Identifier: AGPL-3.0-or-later

import { clip } from '../../core/table.ts'
import { sizeOf, span } from '../../core/times.ts'
import type { JobEvent, JobEvidence, JobProgress, JobView } from '../../schemas/job.ts'

/** What is known of a job that is being watched. */
export interface WatchedJob {
  readonly job: JobView
  /** The last line of its log. */
  readonly lastEvent?: JobEvent
  readonly lastEvidence?: JobEvidence
}

/** How it stands, in a word: the result once there is one. */
export const standing = (job: JobView): string => job.result ?? job.status

/** `writing, image-linux.service, 64 %, 3.2 GiB of 5.0 GiB` */
export function progressText({ phase, step, percent, bytes, total_bytes }: JobProgress): string {
  const read = bytes === undefined ? '' : sizeOf(bytes)
  const amount = read && total_bytes !== undefined ? `${read} of ${sizeOf(total_bytes)}` : read
  const share = percent === undefined ? '' : `${Math.floor(percent)} %`
  return [phase, step, share, amount].filter(Boolean).join(', ')
}

/** `read: kernel of boot (12 %)`; what the appliance's own words say already is not said again. */
export function evidenceText({ level, detail, slot, percent }: JobEvidence): string {
  const share = percent === undefined || detail.includes('%') ? '' : ` (${Math.floor(percent)} %)`
  return `${level}: ${detail}${slot && !detail.includes(slot) ? ` of ${slot}` : ''}${share}`
}

/** `warn: redfish.eject: the drive is slow`; the level only when it is no plain news. */
export function eventText({
  level,
  step,
  message,
}: Pick<JobEvent, 'step' | 'message'> & { level: string }): string {
  const sign = level === 'info' ? '' : `${level}: `
  const where = step && !message.startsWith(step) ? `${step}: ` : ''
  return `${sign}${where}${message}`
}

/** Why a job did not succeed, with the remedy as the appliance said it. */
export function failureText({ failed_step, failed_code, failed_reason }: JobView): string {
  const where = [failed_step, failed_code && `(${failed_code})`].filter(Boolean).join(' ')
  return [where, failed_reason].filter(Boolean).join(': ')
}

/** One line for a change of the job, for logs and pipes. */
export function changeText(job: JobView): string {
  const words = job.result && job.status !== 'complete' ? `${job.status}` : standing(job)
  if (job.status === 'complete') {
    const failed = job.result === 'succeeded' ? '' : failureText(job)
    const cleanup = job.cleanup === 'pending' ? 'its cleanup is still pending' : ''
    return [`complete: ${words}`, failed, cleanup].filter(Boolean).join('; ')
  }
  const progress = job.progress ? progressText(job.progress) : ''
  return [words, progress].filter(Boolean).join(': ')
}

const BAR = 20

/** `████████░░░░░░░░░░░░`, for 0 to 100. */
export function bar(percent: number, width = BAR): string {
  const full = Math.round((Math.min(100, Math.max(0, percent)) / 100) * width)
  return '█'.repeat(full) + '░'.repeat(width - full)
}

/**
 * What a terminal shows of one job: a line that says how far it is and one that says what was seen
 * last. Both fit into `width`; only ids are never cut.
 */
export function liveLines(watched: WatchedJob, width: number, now: number): readonly string[] {
  const { job, lastEvent, lastEvidence } = watched
  const until = job.completed_at ? Date.parse(job.completed_at) : now
  const time = span(Math.max(0, until - Date.parse(job.created_at)))
  const percent = job.result ? undefined : job.progress?.percent
  // A narrow terminal has better use for its columns than a bar.
  const drawn = percent === undefined || width < 70 ? '' : `${bar(percent)} `
  const doing = job.result ? ending(job) : activity(job, lastEvent)
  const head = `${job.server_serial}  ${standing(job)}  ${drawn}`
  const rest = Math.max(0, width - Bun.stringWidth(head) - Bun.stringWidth(time) - 2)
  const middle = clip(doing, rest)
  const first = `${head}${middle}${middle ? '  ' : ''}${time}`
  const seen = job.result ? '' : lastEvidence ? evidenceText(lastEvidence) : ''
  const second = `  ${job.job_id}`
  const space = width - second.length - 2
  return [first, seen && space > 10 ? `${second}  ${clip(seen, space)}` : second]
}

/** The result stands before the media are out and the machine is on again. */
function ending(job: JobView): string {
  return failureText(job) || (job.status === 'complete' ? '' : 'cleaning up')
}

function activity(job: JobView, lastEvent: JobEvent | undefined): string {
  if (job.progress) return progressText(job.progress)
  return lastEvent ? eventText(lastEvent) : ''
}
