// SPDX-License-Identifier: AGPL-3.0-or-later

import * as v from 'valibot'
import { sentence } from '../../core/faults.ts'
import { type Undici, undici } from '../../core/undici.ts'
import { MINUTE } from '../../core/units.ts'
import type { JobDocument } from '../../schemas/job-document.ts'
import type { Pace } from './pace.ts'

/** What the appliance said. */
export interface Reply {
  readonly status: number
  /** From `Retry-After`, in ms. */
  readonly retryAfterMs: number | undefined
  /** The job is over, whatever is reported now. */
  readonly over: boolean
}

/** When repeating ends. */
export interface Until {
  readonly answered: (reply: Reply) => boolean
  readonly givesUp: () => boolean
}

const TIMEOUT_MS = 15_000
/** Between two tries: provisioning contract 0.2. */
const LONGEST_PAUSE_MS = MINUTE
const Over = v.object({ over: v.literal(true) })

/** Speaks to the appliance of a job: its token, its pinned CA, the base URL that answered last. */
export class ApplianceClient implements AsyncDisposable {
  readonly #job: JobDocument
  readonly #pace: Pace
  readonly #tell: (what: string, detail: string) => void
  readonly #agent: InstanceType<Undici['Agent']>
  #baseUrls: readonly string[]

  constructor(job: JobDocument, pace: Pace, tell: (what: string, detail: string) => void) {
    this.#job = job
    this.#pace = pace
    this.#tell = tell
    this.#baseUrls = job.base_urls.map((url) => url.replace(/\/+$/, ''))
    this.#agent = new (undici().Agent)({
      connections: 1,
      headersTimeout: TIMEOUT_MS,
      bodyTimeout: TIMEOUT_MS,
      connect: { timeout: TIMEOUT_MS, ...(job.ca_pem !== undefined && { ca: job.ca_pem }) },
    })
  }

  /** Tries each base URL in turn, and stays with the one that answers. Throws when none does. */
  async post(path: string, body: unknown, signal: AbortSignal): Promise<Reply> {
    const failures: unknown[] = []
    for (const baseUrl of this.#baseUrls) {
      try {
        const reply = await this.#post(`${baseUrl}${path}`, body, signal)
        this.#baseUrls = [baseUrl, ...this.#baseUrls.filter((other) => other !== baseUrl)]
        return reply
      } catch (error) {
        signal.throwIfAborted()
        failures.push(error)
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
        this.#tell('no answer', sentence(error))
      }
      if (until.givesUp()) return reply
      await this.#pace.pause(reply?.retryAfterMs ?? pauseMs, signal)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent.destroy()
  }

  async #post(url: string, body: unknown, signal: AbortSignal): Promise<Reply> {
    const response = await undici().request(url, {
      method: 'POST',
      dispatcher: this.#agent,
      signal,
      headers: {
        authorization: `Bearer ${this.#job.token}`,
        'content-type': 'application/json',
      },
      body: JSON.stringify(body),
    })
    const text = await response.body.text()
    const seconds = Number(response.headers['retry-after'])
    return {
      status: response.statusCode,
      retryAfterMs: seconds > 0 ? seconds * 1_000 : undefined,
      over: saysOver(text),
    }
  }
}

function saysOver(text: string): boolean {
  try {
    return v.is(Over, JSON.parse(text))
  } catch {
    // Not JSON: an answer of something else on the way, which says nothing about the job.
    return false
  }
}
