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
  const items: FeedItem[] = [
    ...lines.map((row) => ({ kind: 'log', row }) as const),
    ...seen.map((row) => ({ kind: 'evidence', row }) as const),
  ]
  const when = (item: FeedItem) => (item.kind === 'job' ? 0 : item.row.at)
  return items.sort((one, other) => when(one) - when(other))
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
    const waiting: FeedItem[] = []
    let wake = () => {}
    const leave = parts.feed.subscribe(job.id, (item) => {
      waiting.push(item)
      wake()
    })
    const pulse = setInterval(() => stream.write(': still here\n\n'), PULSE_MS)
    stream.onAbort(() => wake())
    try {
      for (const item of await past(parts, job.id, at)) {
        if (kinds.includes(item.kind)) await send(stream, at, item)
      }
      let latest = (await parts.book.get(job.id)) ?? job
      if (kinds.includes('job')) await send(stream, at, { kind: 'job', job: latest })
      while (!stream.aborted) {
        const item = waiting.shift()
        if (item) {
          if (item.kind === 'job') latest = item.job
          if (kinds.includes(item.kind)) await send(stream, at, item)
          continue
        }
        if (isOver(latest)) break
        await new Promise<void>((resolve) => {
          wake = resolve
          if (waiting.length > 0 || stream.aborted) resolve()
        })
      }
      if (!stream.aborted) await stream.writeSSE({ event: 'end', id: at.toString(), data: '{}' })
    } finally {
      clearInterval(pulse)
      leave()
    }
  })
}
