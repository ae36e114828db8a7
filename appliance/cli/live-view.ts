// SPDX-License-Identifier: AGPL-3.0-or-later
import { SECOND } from '../../core/units.ts'
import { eventText, liveLines, type WatchedJob } from './job-lines.ts'
import { type Output, printable } from './output.ts'
import { clip } from './table.ts'
import type { WatchView } from './watch-view.ts'

const HIDE_CURSOR = '\x1b[?25l'
const SHOW_CURSOR = '\x1b[?25h'
const ERASE_BELOW = '\x1b[J'

/** Redraws a block of lines at the bottom of the terminal; warnings and errors scroll away above it. */
export function liveView(out: Output): WatchView {
  const jobs = new Map<string, WatchedJob>()
  let drawn: readonly string[] = []
  let above: string[] = []
  let trouble = ''
  let closed = false
  let due: ReturnType<typeof setTimeout> | undefined

  const draw = () => {
    clearTimeout(due)
    due = undefined
    const width = out.columns() ?? 80
    const block = blockOf([...jobs.values()], width, trouble)
    const lines = [...above.map((line) => clip(line, width)), ...block]
    out.raw(
      `${backTo(drawn, width)}${lines.map((line) => `${colored(printable(line), out)}\n`).join('')}`,
    )
    drawn = block
    above = []
  }
  // Ten pictures a second are enough for the eye.
  const soon = () => {
    due ??= setTimeout(draw, 100)
  }
  const clock = setInterval(draw, SECOND)
  process.stdout.on('resize', draw)
  out.raw(HIDE_CURSOR)
  return {
    show(news, now) {
      trouble = ''
      jobs.set(now.job.job_id, now)
      if (news.event === 'log' && news.data.level !== 'info') {
        above.push(`${now.job.server_serial}  ${eventText(news.data)}`)
      }
      soon()
    },
    trouble(message) {
      trouble = `${message}; trying again`
      soon()
    },
    close() {
      if (closed) return
      closed = true
      clearInterval(clock)
      process.stdout.off('resize', draw)
      draw()
      out.raw(SHOW_CURSOR)
    },
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
