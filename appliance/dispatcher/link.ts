// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'
import { sentence } from '../../core/faults.ts'
import { MINUTE } from '../../core/units.ts'
import { ApplianceClient, type Reply } from '../../core/webhook/appliance-client.ts'
import type { JobDocument } from '../../schemas/job-document.ts'
import { ClaimAnswer } from '../../schemas/webhook.ts'
import { MachineClock } from './clock.ts'
import type { MachineOs } from './machine-os.ts'

/** How long a claim that nobody answers is tried: provisioning contract 0.2. */
const CLAIM_PATIENCE_MS = 30 * MINUTE

/** What became of a claim. On all but `taken` the machine writes nothing. */
export type Claimed = 'taken' | 'refused' | 'unanswered'

/** What it says is its final word: no repetition changes it. */
const isFinal = ({ status }: Reply) => status < 500 && status !== 429

/** The dispatcher's calls to the appliance of one job. */
export class Link implements AsyncDisposable {
  readonly #os: MachineOs
  readonly #job: JobDocument
  readonly #tell: (message: string) => void
  readonly #clock: MachineClock
  readonly #client: ApplianceClient
  readonly #signal: AbortSignal

  constructor(
    os: MachineOs,
    job: JobDocument,
    signal: AbortSignal,
    tell: (message: string) => void,
  ) {
    this.#os = os
    this.#job = job
    this.#tell = tell
    this.#signal = signal
    this.#clock = new MachineClock(os, job, tell)
    this.#client = new ApplianceClient(job, {
      pause: (ms, stop) => os.pause(ms, stop),
      tell: (what, detail) => tell(`${what}: ${detail}`),
      trouble: (baseUrl, error) => this.#clock.cure(baseUrl, error),
    })
  }

  /** The address that answered last. */
  get baseUrl(): string {
    return this.#client.baseUrl
  }

  /** Before the first call. */
  async open(): Promise<void> {
    await this.#clock.atLeastJob()
  }

  /** Asks whether this machine may write. */
  async claim(body: Readonly<Record<string, unknown>>): Promise<Claimed> {
    const givesUpAt = this.#os.elapsed() + CLAIM_PATIENCE_MS
    const until = { answered: isFinal, givesUp: () => this.#os.elapsed() >= givesUpAt }
    const reply = await this.#client.repeat(this.#job.claim_url, body, until, this.#signal)
    await this.#clock.follow(reply?.date)
    if (!reply || !isFinal(reply)) {
      this.#tell(`no answer to the claim in ${CLAIM_PATIENCE_MS / MINUTE} minutes: writing nothing`)
      return 'unanswered'
    }
    const answer = v.safeParse(ClaimAnswer, reply.body)
    if (reply.status === 200 && answer.success && answer.output.job_id === this.#job.job_id) {
      this.#tell(`${reply.baseUrl} gave this machine the job`)
      return 'taken'
    }
    this.#tell(`the claim was refused (${reply.status}): writing nothing`)
    return 'refused'
  }

  /** How far it is. True when the job is over. Never throws: it is news, not a promise. */
  async progress(body: Readonly<Record<string, unknown>>): Promise<boolean> {
    const reply = await this.#say(this.#job.report_url, { status: 'progress', ...body })
    return reply?.over ?? false
  }

  /** Lines for the log of the job. Throws when nobody answers. */
  async log(body: unknown): Promise<Reply> {
    return await this.#client.post(this.#job.log_url, body, this.#signal)
  }

  /** Delivers the final word until somebody answers, however long that takes. */
  async report(body: Readonly<Record<string, unknown>>): Promise<void> {
    const until = { answered: isFinal, givesUp: () => false }
    const reply = await this.#client.repeat(this.#job.report_url, body, until, this.#signal)
    this.#tell(`the report was answered ${reply?.status}`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client[Symbol.asyncDispose]()
  }

  async #say(path: string, body: unknown): Promise<Reply | undefined> {
    try {
      const reply = await this.#client.post(path, body, this.#signal)
      await this.#clock.follow(reply.date)
      if (reply.status >= 400) this.#tell(`${path} answered ${reply.status}`)
      return reply
    } catch (error) {
      this.#signal.throwIfAborted()
      this.#tell(`not delivered: ${sentence(error)}`)
      return undefined
    }
  }
}
