// SPDX-License-Identifier: AGPL-3.0-or-later

import { undici } from '../../core/undici.ts'
import { SECOND } from '../../core/units.ts'
import type { JobDocument } from '../../schemas/job-document.ts'
import type { MachineOs } from './machine-os.ts'

/** A certificate that only the time speaks against (OpenSSL's words, as Node tells them). */
const TIME_FAULTS = new Set(['CERT_NOT_YET_VALID', 'CERT_HAS_EXPIRED'])

/** Closer than this the clock is left alone. */
const TOLERANCE_MS = 5 * SECOND
const TIMEOUT_MS = 10 * SECOND

function codesOf(error: unknown): unknown[] {
  if (!(error instanceof Error)) return []
  const code = 'code' in error ? [error.code] : []
  const inner = error instanceof AggregateError ? error.errors : []
  return [...code, ...[error.cause, ...inner].flatMap(codesOf)]
}

/** Is it the clock that the connection failed for? */
export const isTimeFault = (error: unknown): boolean =>
  codesOf(error).some((code) => TIME_FAULTS.has(String(code)))

/** Puts a dead clock right, before certificates are judged. */
export class MachineClock {
  readonly #os: MachineOs
  readonly #notBefore: number
  readonly #tell: (message: string) => void

  constructor(
    os: MachineOs,
    job: Pick<JobDocument, 'not_before'>,
    tell: (message: string) => void,
  ) {
    this.#os = os
    this.#notBefore = Date.parse(job.not_before ?? '') || 0
    this.#tell = tell
  }

  /** It is at least as late as when the job was made. */
  async atLeastJob(): Promise<void> {
    if (this.#os.now() < this.#notBefore) await this.#set(this.#notBefore, 'the job')
  }

  /** After an answer that was verified. */
  async follow(date: number | undefined): Promise<void> {
    if (date === undefined || Math.abs(date - this.#os.now()) < TOLERANCE_MS) return
    if (date >= this.#notBefore) await this.#set(date, 'the appliance')
  }

  /**
   * The certificate was refused for the time: asks for the appliance's `Date` without believing who
   * answers, and without telling it anything. Whoever lies only keeps the certificate from being
   * accepted: it must be of the pinned CA still.
   */
  async cure(baseUrl: string, error: unknown): Promise<void> {
    if (!isTimeFault(error)) return
    const agent = new (undici().Agent)({
      connect: { rejectUnauthorized: false, timeout: TIMEOUT_MS },
      headersTimeout: TIMEOUT_MS,
    })
    try {
      const url = `${baseUrl}/healthz`
      const { headers, body } = await undici().request(url, { method: 'HEAD', dispatcher: agent })
      await body.dump()
      const date = Date.parse(String(headers['date']))
      const wrong = Math.abs(date - this.#os.now()) >= TOLERANCE_MS
      if (wrong && date >= this.#notBefore) await this.#set(date, baseUrl)
    } catch {
      this.#tell(`${baseUrl} does not tell the time`)
    } finally {
      await agent.destroy()
    }
  }

  async #set(ms: number, whose: string): Promise<void> {
    const was = new Date(this.#os.now()).toISOString()
    const seconds = Math.floor(ms / SECOND)
    const { code, stderr } = await this.#os.run(['date', '--utc', `--set=@${seconds}`])
    const now = new Date(seconds * SECOND).toISOString()
    if (code === 0) this.#tell(`the clock said ${was}; it is set to ${now}, the time of ${whose}`)
    else this.#tell(`the clock says ${was} and can not be set to ${now}: ${stderr.trim()}`)
  }
}
