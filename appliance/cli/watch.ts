// SPDX-License-Identifier: AGPL-3.0-or-later
import type { JobView } from '../../schemas/job.ts'
import type { Client } from './client.ts'
import { EXIT } from './exit.ts'
import { followJob, type JobNews } from './job-feed.ts'
import type { WatchedJob } from './job-lines.ts'
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
    if (stop.signal.aborted) return EXIT.interrupted
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
  const feed = followJob(client, id, { signal, onTrouble: view.trouble })
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

/** Worst first: one failed job of many is a failure. */
function exitOf(jobs: readonly (JobView | undefined)[]): number {
  const results = jobs.map((job) => job?.result)
  if (results.includes('failed')) return EXIT.jobFailed
  return results.includes('canceled') ? EXIT.jobCanceled : EXIT.ok
}
