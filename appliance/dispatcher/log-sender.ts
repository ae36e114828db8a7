// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Reply } from '../../core/webhook/appliance-client.ts'
import type { JournalLine } from './journal.ts'

/** Lines that wait while nobody answers; older ones go. */
const MOST_WAITING = 5_000
/** Of one call, and their characters: the appliance takes 1,000 and a MiB. */
const MOST_IN_CALL = 500
const MOST_CHARACTERS = 256_000

interface Batch {
  readonly step: string
  readonly level: JournalLine['level']
  readonly lines: readonly string[]
}

/** Sends the log of the machine, a few lines a call, in order. A log is news, not a promise: it is bounded, and can be lost. */
export class LogSender {
  #waiting: JournalLine[] = []
  #dropped = 0
  #full = false

  add(lines: readonly JournalLine[]): void {
    if (this.#full) return
    this.#waiting.push(...lines)
    const over = this.#waiting.length - MOST_WAITING
    if (over <= 0) return
    this.#waiting.splice(0, over)
    this.#dropped += over
  }

  /** Sends all that waits; stops at the first call that nobody answers. True when the job is over. */
  async flush(post: (body: Batch) => Promise<Reply>): Promise<boolean> {
    while (this.#waiting.length > 0) {
      const batch = this.#next()
      const reply = await post(batch)
      if (reply.over) return true
      // Full (409) or refused: more lines will not be taken either.
      if (reply.status >= 400 && reply.status < 500 && reply.status !== 429) this.#full = true
      if (this.#full) this.#waiting = []
      else if (reply.status >= 400) return false
      else this.#waiting.splice(0, batch.lines.length - (this.#dropped > 0 ? 1 : 0))
      this.#dropped = 0
    }
    return false
  }

  /** The first lines that have step and level in common. */
  #next(): Batch {
    const [first] = this.#waiting
    const { unit = '', level = 'info' } = first ?? {}
    const lines: string[] = []
    if (this.#dropped > 0) lines.push(`${this.#dropped} lines could not be sent in time`)
    let characters = 0
    for (const line of this.#waiting.slice(0, MOST_IN_CALL)) {
      characters += line.text.length
      if (line.unit !== unit || line.level !== level) break
      if (lines.length > 0 && characters > MOST_CHARACTERS) break
      lines.push(line.text)
    }
    return { step: unit, level, lines }
  }
}
