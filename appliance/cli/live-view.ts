// SPDX-License-Identifier: AGPL-3.0-or-later

import { clip } from '../../core/table.ts'
import { SECOND } from '../../core/units.ts'
import type { JobNews } from './job-feed.ts'
import { eventText, liveLines, type WatchedJob } from './job-lines.ts'
import { type Output, printable } from './output.ts'

const HIDE_CURSOR = '\x1b[?25l'
const SHOW_CURSOR = '\x1b[?25h'
const ERASE_BELOW = '\x1b[J'
/** Ten pictures a second are enough for the eye. */
const PICTURE_MS = 100

/** Redraws a block of lines at the bottom of the terminal; warnings and errors scroll away above it. */
export class LiveView {
  readonly #out: Output
  readonly #jobs = new Map<string, WatchedJob>()
  /** Seconds pass also when nothing happens. */
  readonly #clock: ReturnType<typeof setInterval>
  #drawn: readonly string[] = []
  #above: string[] = []
  #trouble = ''
  #due: ReturnType<typeof setTimeout> | undefined
  #closed = false

  constructor(out: Output) {
    this.#out = out
    this.#clock = setInterval(this.#draw, SECOND)
    process.stdout.on('resize', this.#draw)
    out.raw(HIDE_CURSOR)
  }

  show(news: JobNews, now: WatchedJob): void {
    this.#trouble = ''
    this.#jobs.set(now.job.job_id, now)
    if (news.event === 'log' && news.data.level !== 'info') {
      this.#above.push(`${now.job.server_serial}  ${eventText(news.data)}`)
    }
    this.#drawSoon()
  }

  trouble(message: string): void {
    this.#trouble = `${message}; trying again`
    this.#drawSoon()
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    clearInterval(this.#clock)
    process.stdout.off('resize', this.#draw)
    this.#draw()
    this.#out.raw(SHOW_CURSOR)
  }

  #drawSoon() {
    this.#due ??= setTimeout(this.#draw, PICTURE_MS)
  }

  readonly #draw = () => {
    clearTimeout(this.#due)
    this.#due = undefined
    const width = this.#out.columns() ?? 80
    const block = blockOf([...this.#jobs.values()], width, this.#trouble)
    const lines = [...this.#above.map((line) => clip(line, width)), ...block]
    const picture = lines.map((line) => `${colored(printable(line), this.#out)}\n`).join('')
    this.#out.raw(`${backTo(this.#drawn, width)}${picture}`)
    this.#drawn = block
    this.#above = []
  }
}

/** The lines of all jobs, no more of them than the terminal is high. */
function blockOf(jobs: readonly WatchedJob[], width: number, trouble: string): readonly string[] {
  const now = Date.now()
  const height = Math.max(3, (process.stdout.rows || 24) - 2)
  const lines = jobs.flatMap((job) => liveLines(job, width, now))
  const fitting =
    lines.length <= height
      ? lines
      : // Jobs that still run are worth more than those that are over.
        [...jobs]
          .sort((a, b) => Number(a.job.result !== undefined) - Number(b.job.result !== undefined))
          .slice(0, Math.floor((height - 1) / 2))
          .flatMap((job) => liveLines(job, width, now))
  const hidden = jobs.length - fitting.length / 2
  const more = hidden > 0 ? [`… and ${hidden} more`] : []
  return [...fitting, ...more, ...(trouble ? [clip(trouble, width)] : [])]
}

/** Moves over what was drawn; a terminal that became narrower has broken lines into several rows. */
function backTo(lines: readonly string[], width: number): string {
  if (lines.length === 0) return ''
  const rows = lines.reduce(
    (sum, line) => sum + Math.max(1, Math.ceil(Bun.stringWidth(line) / width)),
    0,
  )
  return `\x1b[${rows}A\r${ERASE_BELOW}`
}

function colored(line: string, out: Output): string {
  return line.replace(/ {2}(succeeded|failed|canceled)(?= |$)/, (words, word: string) =>
    words.replace(word, out.paint(word, word)),
  )
}
