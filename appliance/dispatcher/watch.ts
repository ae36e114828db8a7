// SPDX-License-Identifier: AGPL-3.0-or-later
import { sentence } from '../../core/faults.ts'
import { MINUTE, SECOND } from '../../core/units.ts'
import { Journal } from './journal.ts'
import type { Link } from './link.ts'
import { LogSender } from './log-sender.ts'
import type { MachineOs } from './machine-os.ts'
import { NewsReader, type StepNews } from './step-news.ts'
import { judge, showUnits, unitsOf } from './units.ts'

/** How the work of the target ended. */
export type Outcome =
  | { readonly is: 'done' }
  | { readonly is: 'failed'; readonly unit: string; readonly reason: string }
  /** The appliance says that the job is over. */
  | { readonly is: 'over' }

export interface WatchParts {
  readonly os: MachineOs
  readonly folder: string
  readonly target: string
  readonly link: Link
  readonly tell: (message: string) => void
}

const POLL_MS = 2 * SECOND
/** At least this often the appliance hears of a machine that works. */
const HEARTBEAT_MS = MINUTE
/** Longest sentence that a report takes. */
const LONGEST_REASON = 1_900

/** Watches the units of a target that was started, tells how far they are, and how they ended. */
export async function watchTarget(parts: WatchParts): Promise<Outcome> {
  return await new Watcher(parts, await unitsOf(parts.os, parts.target)).run()
}

class Watcher {
  readonly #parts: WatchParts
  readonly #units: readonly string[]
  readonly #news: NewsReader
  readonly #journal: Journal
  readonly #log = new LogSender()
  /** The newest of each unit. */
  readonly #latest = new Map<string, StepNews>()
  readonly #failures = new Map<string, string>()
  /** What a unit wrote last; says why when it does not do so itself. */
  readonly #lastWords = new Map<string, string>()
  #said = ''
  #saidAt = Number.NEGATIVE_INFINITY

  constructor(parts: WatchParts, units: readonly string[]) {
    this.#parts = parts
    this.#units = units
    this.#news = new NewsReader(parts.os, parts.folder)
    this.#journal = new Journal(parts.os, parts.folder, units)
  }

  async run(): Promise<Outcome> {
    for (;;) {
      try {
        const outcome = await this.#look()
        if (outcome) return outcome
      } catch (error) {
        // The work goes on below: a look that failed is only one that is repeated.
        this.#parts.tell(`watching: ${sentence(error)}`)
      }
      await this.#parts.os.pause(POLL_MS)
    }
  }

  async #look(): Promise<Outcome | undefined> {
    const { os, target } = this.#parts
    const [state, ...units] = await showUnits(os, [target, ...this.#units])
    if (!state) return undefined
    await this.#listen()
    const verdict = judge(state, units)
    if (await this.#tellLog()) return { is: 'over' }
    if (verdict.is === 'running') return (await this.#tellProgress(verdict.unit)) ? OVER : undefined
    if (verdict.is === 'done') return verdict
    const { unit, reason } = verdict
    const why = this.#failures.get(unit) ?? this.#lastWords.get(unit)
    const whole = why ? `${reason}: ${why}` : reason
    return { is: 'failed', unit, reason: whole.slice(0, LONGEST_REASON) }
  }

  /** What the steps and their units wrote. */
  async #listen(): Promise<void> {
    for (const news of await this.#news.next()) {
      this.#latest.set(news.step, news)
      if (news.failed !== undefined) this.#failures.set(news.step, news.failed)
    }
    const lines = await this.#journal.next()
    this.#log.add(lines)
    for (const { unit, text } of lines) {
      // Of a unit that failed systemd has the last word, and that is none.
      if (
        text.trim() !== '' &&
        !/^(Failed to start|Starting|Stopped|Finished) |: (Main process exited|Failed with result|Consumed )/.test(
          text,
        )
      ) {
        this.#lastWords.set(unit, text.trim())
      }
    }
  }

  async #tellLog(): Promise<boolean> {
    try {
      return await this.#log.flush((batch) => this.#parts.link.log(batch))
    } catch (error) {
      this.#parts.tell(`log not delivered: ${sentence(error)}`)
      return false
    }
  }

  async #tellProgress(unit: string | undefined): Promise<boolean> {
    const { os, link, target } = this.#parts
    const step = unit ?? target
    const { failed: _, ...news } = this.#latest.get(step) ?? { step }
    const body = { phase: 'writing', ...news, step }
    const text = JSON.stringify(body)
    if (text === this.#said && os.elapsed() - this.#saidAt < HEARTBEAT_MS) return false
    this.#said = text
    this.#saidAt = os.elapsed()
    return await link.progress(body)
  }
}

const OVER: Outcome = { is: 'over' }
