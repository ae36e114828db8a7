// SPDX-License-Identifier: AGPL-3.0-or-later
import { sleep } from '../../core/retry.ts'
import { MINUTE, SECOND } from '../../core/units.ts'
import type { JobEvent, JobEvidence, JobView } from '../../schemas/job.ts'
import type { Client } from './client.ts'
import { EXIT } from './exit.ts'
import { CliProblem } from './problem.ts'
import { readServerEvents } from './server-events.ts'
import { Watchdog } from './watchdog.ts'

/** Something new about a job, as the API's event stream names it. */
export type JobNews =
  | { readonly event: 'job'; readonly data: JobView }
  | { readonly event: 'log'; readonly data: JobEvent }
  | { readonly event: 'evidence'; readonly data: JobEvidence }

export interface FeedOptions {
  readonly signal: AbortSignal
  /** The connection was lost and is tried again. */
  readonly onTrouble: (message: string) => void
  /** Between two looks where there is no stream. */
  readonly pollMs?: number
}

/** Longest silence of the stream before we look whether it still lives. */
const QUIET_MS = 45 * SECOND
/** An appliance that restarts or is updated comes back within this. */
const LOST_MS = 5 * MINUTE
const LONGEST_PAUSE_MS = 15 * SECOND

/**
 * The story of a job from its beginning, each piece once, until it is complete (a cleanup that is
 * pending goes on by itself). Takes up the stream where it was cut; looks every two seconds where
 * there is none. Throws what the API refuses.
 */
export function followJob(
  client: Client,
  id: string,
  options: FeedOptions,
): AsyncGenerator<JobNews> {
  return new JobFeed(client, `/api/v1/jobs/${encodeURIComponent(id)}`, options).news()
}

class JobFeed {
  readonly #client: Client
  readonly #path: string
  readonly #options: FeedOptions
  readonly #told = new Set<string>()
  #over = false
  #streams = true
  #lastEventId = ''
  #lostSince: number | undefined
  #pauseMs = SECOND

  constructor(client: Client, path: string, options: FeedOptions) {
    this.#client = client
    this.#path = path
    this.#options = options
  }

  async *news(): AsyncGenerator<JobNews> {
    const { signal, pollMs = 2 * SECOND } = this.#options
    while (!this.#over && !signal.aborted) {
      try {
        yield* this.#look()
        this.#recovered()
        if (!this.#over && this.#streams) yield* this.#listen()
        if (!this.#over) await sleep(this.#streams ? SECOND : pollMs, signal)
      } catch (error) {
        if (signal.aborted) return
        await this.#bear(error)
      }
    }
  }

  /** The job as it is now, with what of its story was not told yet. */
  async *#look(): AsyncGenerator<JobNews> {
    const { signal } = this.#options
    const view = await this.#client.json<JobView>('GET', this.#path, { signal })
    const { events = [], evidence = [], ...job } = view
    for (const data of events) yield* this.#fresh({ event: 'log', data })
    for (const data of evidence) yield* this.#fresh({ event: 'evidence', data })
    yield* this.#fresh({ event: 'job', data: job })
  }

  async *#listen(): AsyncGenerator<JobNews> {
    const watchdog = new Watchdog(QUIET_MS, this.#options.signal)
    try {
      const body = await this.#open(watchdog.signal)
      if (!body) return
      for await (const { event, data, id } of readServerEvents(watchdog.guard(body))) {
        this.#lastEventId = id
        if (event === 'end') return
        if (isKnown(event)) yield* this.#fresh({ event, data: JSON.parse(data) } as JobNews)
        if (this.#over) return
      }
    } catch (error) {
      if (!watchdog.expired) throw error
    } finally {
      watchdog.stop()
    }
  }

  /** Undefined when this appliance, or a proxy before it, gives no stream. */
  async #open(signal: AbortSignal): Promise<ReadableStream<Uint8Array> | undefined> {
    const resume = this.#lastEventId ? { 'last-event-id': this.#lastEventId } : {}
    const headers = { accept: 'text/event-stream', ...resume }
    try {
      const response = await this.#client.request('GET', `${this.#path}/events`, {
        headers,
        signal,
      })
      const type = response.headers.get('content-type') ?? ''
      if (type.startsWith('text/event-stream') && response.body) return response.body
    } catch (error) {
      // The job is there, we just read it: it is the stream that is not.
      if (!(error instanceof CliProblem) || error.exit !== EXIT.notFound) throw error
    }
    this.#streams = false
    return undefined
  }

  *#fresh(news: JobNews): Generator<JobNews> {
    this.#over ||= news.event === 'job' && news.data.status === 'complete'
    const key = JSON.stringify([news.event, news.data])
    if (this.#told.has(key)) return
    this.#told.add(key)
    yield news
  }

  #recovered() {
    this.#lostSince = undefined
    this.#pauseMs = SECOND
  }

  /** Waits out what may pass, throws the rest. */
  async #bear(error: unknown) {
    this.#lostSince ??= Date.now()
    if (!mayPass(error) || Date.now() - this.#lostSince > LOST_MS) throw error
    this.#options.onTrouble(error instanceof Error ? error.message : String(error))
    // An abort of the pause ends the loop above.
    await sleep(this.#pauseMs, this.#options.signal).catch(() => undefined)
    this.#pauseMs = Math.min(2 * this.#pauseMs, LONGEST_PAUSE_MS)
  }
}

const isKnown = (event: string) => event === 'job' || event === 'log' || event === 'evidence'

/** An appliance that restarts, or a cut connection; not what the API decided. */
function mayPass(error: unknown): boolean {
  if (!(error instanceof CliProblem)) return !(error instanceof SyntaxError)
  if (error.document.code === 'cli.untrusted') return false
  return error.exit === EXIT.unreachable || error.exit === EXIT.failure
}
