// SPDX-License-Identifier: AGPL-3.0-or-later
import type { JobView } from '../../schemas/job.ts'
import type { Client } from './client.ts'
import { EXIT } from './exit.ts'
import { followJob, type JobNews } from './job-feed.ts'
import { failureText, type WatchedJob } from './job-lines.ts'
import type { Output } from './output.ts'
import { openWatchView, type WatchView } from './watch-view.ts'

/** Shows jobs until all are complete, or Ctrl-C. Returns the exit code that tells how they ended. */
export async function watchJobs(
  client: Client,
  ids: readonly string[],
  out: Output,
): Promise<number> {
  const stop = new AbortController()
  const interrupt = () => stop.abort()
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt)
  const view = openWatchView(out)
  try {
    const ends = await Promise.all(ids.map((id) => watchOne(client, id, view, stop.signal)))
    view.close()
    if (stop.signal.aborted) return EXIT.interrupted
    if (out.live) tellFailures(ends, out)
    return exitOf(ends)
  } finally {
    stop.abort()
    view.close()
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt)
  }
}

async function watchOne(
  client: Client,
  id: string,
  view: WatchView,
  signal: AbortSignal,
): Promise<JobView | undefined> {
  const job = await client.json<JobView>('GET', `/api/v1/jobs/${encodeURIComponent(id)}`, {
    signal,
  })
  let now: WatchedJob = { job }
  const feed = followJob(client, id, { signal, onTrouble: (message) => view.trouble(message) })
  for await (const news of feed) {
    now = { ...now, ...noted(news) }
    view.show(news, now)
  }
  return now.job
}

function noted(news: JobNews): Partial<WatchedJob> {
  if (news.event === 'job') return { job: news.data }
  return news.event === 'log' ? { lastEvent: news.data } : { lastEvidence: news.data }
}

/** The picture cuts long sentences, and at their end stands the remedy. */
function tellFailures(jobs: readonly (JobView | undefined)[], out: Output): void {
  for (const job of jobs) {
    const text = job && job.result !== 'succeeded' ? failureText(job) : ''
    if (job && text) out.print(`${job.server_serial}: ${text}`)
  }
}

/** Worst first: one failed job of many is a failure. */
function exitOf(jobs: readonly (JobView | undefined)[]): number {
  const results = jobs.map((job) => job?.result)
  if (results.includes('failed')) return EXIT.jobFailed
  return results.includes('canceled') ? EXIT.jobCanceled : EXIT.ok
}
