// SPDX-License-Identifier: AGPL-3.0-or-later
import type { JobNews } from './job-feed.ts'
import { changeText, eventText, evidenceText, type WatchedJob } from './job-lines.ts'
import { LiveView } from './live-view.ts'
import type { Output } from './output.ts'

/** Shows what happens to the jobs that are watched. */
export interface WatchView {
  /** Something new about a job; `now` already holds it. */
  show(news: JobNews, now: WatchedJob): void
  /** A word about the watching itself. */
  trouble(message: string): void
  /** Leaves the terminal as it was. May be called twice. */
  close(): void
}

/** Documents for programs, a picture for a terminal, lines for all else. */
export function openWatchView(out: Output): WatchView {
  if (out.json) return documentView(out)
  return out.live ? new LiveView(out) : lineView(out)
}

/** One document a line, so that a reader needs no parser for an endless array. */
function documentView(out: Output): WatchView {
  return {
    show: ({ event, data }, { job }) =>
      out.raw(`${JSON.stringify({ event, job_id: job.job_id, data })}\n`),
    trouble: out.note,
    close() {},
  }
}

/** One line a change, each with its time (UTC) and its job. */
function lineView(out: Output): WatchView {
  const last = new Map<string, string>()
  return {
    show(news, { job }) {
      const [time, text] = lineOf(news)
      const key = `${job.job_id} ${news.event}`
      // Every percent would be a change; every tenth is enough to see that it moves.
      const gist = text.replace(/(\d)\d? %.*/, '$1')
      if (news.event === 'job' && last.get(key) === gist) return
      last.set(key, gist)
      out.print(`${time} ${job.job_id} ${job.server_serial} ${text}`)
    },
    trouble: (message) => out.note(`slipway: ${message}; trying again`),
    close() {},
  }
}

function lineOf(news: JobNews): readonly [time: string, text: string] {
  if (news.event === 'job') return [news.data.last_update, changeText(news.data)]
  if (news.event === 'evidence') return [news.data.time, evidenceText(news.data)]
  return [news.data.time, eventText(news.data)]
}
