// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'
import type { JobDocument } from '../../schemas/job-document.ts'
import { sentence } from '../faults.ts'
import { type Undici, undici } from '../undici.ts'
import { MINUTE } from '../units.ts'

/** What the appliance said. */
export interface Reply {
  readonly status: number
  /** From `Retry-After`, in ms. */
  readonly retryAfterMs: number | undefined
  /** The job is over, whatever is reported now. */
  readonly over: boolean
  /** Its clock, Unix ms, from `Date`. */
  readonly date: number | undefined
  /** Who answered. */
  readonly baseUrl: string
  /** The body as JSON; undefined when it is none. */
  readonly body: unknown
}

/** When repeating ends. */
export interface Until {
  readonly answered: (reply: Reply) => boolean
  readonly givesUp: () => boolean
}

/** The machine's side of the calls: how it waits, and whom it tells. */
export interface ApplianceClientParts {
  readonly pause: (ms: number, signal: AbortSignal) => Promise<void>
  readonly tell: (what: string, detail: string) => void
  /** Called for each base URL that gave no answer, before the next is tried: it may cure the cause. */
  readonly trouble?: (baseUrl: string, error: unknown) => Promise<void>
}

const TIMEOUT_MS = 15_000
/** Between two tries: provisioning contract 0.2. */
const LONGEST_PAUSE_MS = MINUTE
const Over = v.object({ over: v.literal(true) })

/** A machine speaks to the appliance of its job: the job's token, its pinned CA, the base URL that answered last. */
export class ApplianceClient implements AsyncDisposable {
  readonly #job: Pick<JobDocument, 'token' | 'ca_pem'>
  readonly #parts: ApplianceClientParts
  readonly #agent: InstanceType<Undici['Agent']>
  #baseUrls: readonly string[]

  constructor(
    job: Pick<JobDocument, 'token' | 'ca_pem' | 'base_urls'>,
    parts: ApplianceClientParts,
  ) {
    this.#job = job
    this.#parts = parts
    this.#baseUrls = job.base_urls.map((url) => url.replace(/\/+$/, ''))
    this.#agent = new (undici().Agent)({
      connections: 1,
      headersTimeout: TIMEOUT_MS,
      bodyTimeout: TIMEOUT_MS,
      connect: { timeout: TIMEOUT_MS, ...(job.ca_pem !== undefined && { ca: job.ca_pem }) },
    })
  }

  /** Where the next call goes first: the base URL that answered last. */
  get baseUrl(): string {
    return this.#baseUrls[0] ?? ''
  }

  /** Tries each base URL in turn, and stays with the one that answers. Throws when none does. */
  async post(path: string, body: unknown, signal: AbortSignal): Promise<Reply> {
    const failures: unknown[] = []
    for (const baseUrl of this.#baseUrls) {
      try {
        const reply = await this.#post(baseUrl, path, body, signal)
        this.#baseUrls = [baseUrl, ...this.#baseUrls.filter((other) => other !== baseUrl)]
        return reply
      } catch (error) {
        signal.throwIfAborted()
        failures.push(error)
        await this.#parts.trouble?.(baseUrl, error)
      }
    }
    const cause = failures[0]
    throw new AggregateError(failures, `no answer from ${this.#baseUrls.join(', ')}`, { cause })
  }

  /** Posts again until somebody answers for good; the last reply, or none, when it gives up. */
  async repeat(
    path: string,
    body: unknown,
    until: Until,
    signal: AbortSignal,
  ): Promise<Reply | undefined> {
    for (let pauseMs = 1_000; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
      let reply: Reply | undefined
      try {
        reply = await this.post(path, body, signal)
        if (until.answered(reply)) return reply
      } catch (error) {
        signal.throwIfAborted()
        this.#parts.tell('no answer', sentence(error))
      }
      if (until.givesUp()) return reply
      const asked = reply?.retryAfterMs ?? pauseMs
      await this.#parts.pause(Math.min(asked, LONGEST_PAUSE_MS), signal)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent.destroy()
  }

  async #post(baseUrl: string, path: string, body: unknown, signal: AbortSignal): Promise<Reply> {
    const response = await undici().request(`${baseUrl}${path}`, {
      method: 'POST',
      dispatcher: this.#agent,
      signal,
      headers: {
        authorization: `Bearer ${this.#job.token}`,
        'content-type': 'application/json',
      },
      body: JSON.stringify(body),
    })
    const json = parsed(await response.body.text())
    const seconds = Number(response.headers['retry-after'])
    const date = Date.parse(String(response.headers['date']))
    return {
      status: response.statusCode,
      retryAfterMs: seconds > 0 ? seconds * 1_000 : undefined,
      over: v.is(Over, json),
      date: Number.isNaN(date) ? undefined : date,
      baseUrl,
      body: json,
    }
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // Not JSON: an answer of something else on the way, which says nothing about the job.
    return undefined
  }
}
