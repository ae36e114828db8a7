// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Context } from 'hono'
import { type SSEStreamingApi, streamSSE } from 'hono/streaming'
import type { Db } from '../store/client.ts'
import { eventsOf, evidenceOf } from '../store/job-story.ts'
import { SECOND } from '../units.ts'
import type { JobBook } from './book.ts'
import type { Feed, FeedItem } from './feed.ts'
import type { Job } from './job.ts'
import { eventView, evidenceView, jobView } from './view.ts'

/** Proxies cut silent connections; a comment goes out this often. */
const PULSE_MS = 15 * SECOND
/** More than this does not wait in memory for a slow reader: it is read from the database when its turn comes. */
const MOST_WAITING = 1_000

export interface WatchParts {
  readonly db: Db
  readonly book: JobBook
  readonly feed: Feed
}

/** Which kinds of items a watcher wants: the whole story, or the log alone. */
export type Kinds = readonly FeedItem['kind'][]

const isOver = (job: Job) => job.status === 'complete' && job.cleanup !== 'pending'

/** Position in the story: last line and last evidence that were sent. */
class Position {
  line = 0
  evidence = 0
  constructor(lastEventId: string | undefined) {
    const [line, evidence] = /^(\d+)\.(\d+)$/.exec(lastEventId ?? '')?.slice(1) ?? []
    this.line = Number(line ?? 0)
    this.evidence = Number(evidence ?? 0)
  }
  toString = () => `${this.line}.${this.evidence}`
}

async function send(stream: SSEStreamingApi, at: Position, item: FeedItem): Promise<void> {
  if (item.kind === 'job') {
    const data = JSON.stringify(jobView(item.job))
    return stream.writeSSE({ event: 'job', id: at.toString(), data })
  }
  const { seq } = item.row
  // What came both from the database and live is sent once.
  if (seq <= (item.kind === 'log' ? at.line : at.evidence)) return
  if (item.kind === 'log') at.line = seq
  else at.evidence = seq
  const view = item.kind === 'log' ? eventView(item.row) : evidenceView(item.row)
  await stream.writeSSE({ event: item.kind, id: at.toString(), data: JSON.stringify(view) })
}

async function past({ db }: WatchParts, id: string, at: Position): Promise<FeedItem[]> {
  const [lines, seen] = await Promise.all([
    eventsOf(db.read, id, at.line),
    evidenceOf(db.read, id, at.evidence),
  ])
  // Woven by time, each kind in its own order: after a clock that stepped back a line must not
  // stand before its elders, which would then count as sent.
  const items: FeedItem[] = []
  let next = 0
  for (const row of lines) {
    for (let other = seen[next]; other && other.at <= row.at; other = seen[++next]) {
      items.push({ kind: 'evidence', row: other })
    }
    items.push({ kind: 'log', row })
  }
  for (const row of seen.slice(next)) items.push({ kind: 'evidence', row })
  return items
}

/** What happens to a job until its watcher takes it; `behind` when the database has to be asked. */
function listen(feed: Feed, jobId: string) {
  let waiting: FeedItem[] = []
  // What was before we listened is in the database, and so is what was too much to wait.
  let behind = true
  let wake = () => {}
  const lookBack = () => {
    waiting = []
    behind = true
    wake()
  }
  const leave = feed.subscribe(jobId, (item) => {
    if (waiting.push(item) > MOST_WAITING) lookBack()
    wake()
  })
  return {
    leave,
    lookBack,
    wake: () => wake(),
    take(): FeedItem | 'behind' | undefined {
      if (!behind) return waiting.shift()
      behind = false
      return 'behind'
    },
    /** Resolves at the next item, or when woken. */
    more: () =>
      new Promise<void>((resolve) => {
        wake = resolve
        if (waiting.length > 0 || behind) resolve()
      }),
  }
}

/**
 * The story of a job over server-sent events: first what was, then what happens, until the job is
 * over (`event: end`). `Last-Event-ID` goes on where a cut connection stopped.
 */
export function watchJob(c: Context, parts: WatchParts, job: Job, kinds: Kinds): Response {
  c.header('Cache-Control', 'no-store')
  c.header('X-Accel-Buffering', 'no')
  return streamSSE(c, async (stream) => {
    const at = new Position(c.req.header('last-event-id'))
    const news = listen(parts.feed, job.id)
    let latest: Job | undefined
    const tell = async (item: FeedItem) => {
      if (item.kind === 'job') latest = item.job
      if (kinds.includes(item.kind) && !stream.aborted) await send(stream, at, item)
    }
    const catchUp = async () => {
      for (const item of await past(parts, job.id, at)) await tell(item)
      const fresh = await parts.book.get(job.id)
      if (fresh && fresh.updatedAt !== latest?.updatedAt) await tell({ kind: 'job', job: fresh })
      // Its history was removed: nothing more will come.
      return fresh !== undefined
    }
    const pulse = setInterval(() => {
      stream.write(': still here\n\n')
      news.lookBack()
    }, PULSE_MS)
    stream.onAbort(news.wake)
    try {
      while (!stream.aborted) {
        const item = news.take()
        if (item === 'behind') {
          if (!(await catchUp())) break
        } else if (item) await tell(item)
        else if (latest && isOver(latest)) break
        else await news.more()
      }
      if (!stream.aborted) await stream.writeSSE({ event: 'end', id: at.toString(), data: '{}' })
    } finally {
      clearInterval(pulse)
      news.leave()
    }
  })
}
