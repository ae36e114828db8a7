// SPDX-License-Identifier: AGPL-3.0-or-later
import { type DemoJob, type DemoRow, machineActivity } from './demo-jobs.ts'

/** Shows jobs while they run, on stderr: redrawn in place on a terminal, else a line for all that happens. */
export class ProgressView {
  readonly #live = process.stderr.isTTY === true && process.env['TERM'] !== 'dumb'
  readonly #started = performance.now()
  #drawn = 0
  /** By job: events told, and the machine's last word. */
  readonly #told = new Map<string, { readonly events: number; readonly activity: string }>()

  show(jobs: readonly DemoJob[]): void {
    if (this.#live) this.#redraw(jobs)
    else for (const job of jobs) this.#append(job)
  }

  #append({ id, vendor, view }: DemoJob): void {
    const told = this.#told.get(id) ?? { events: 0, activity: '' }
    const events = view.events ?? []
    const activity = machineActivity(view)
    const news = events.slice(told.events).map(({ message }) => message)
    if (activity !== told.activity && activity !== '') news.push(activity)
    this.#told.set(id, { events: events.length, activity })
    for (const text of news) process.stderr.write(`${this.#clock()} ${vendor.padEnd(12)} ${text}\n`)
  }

  #redraw(jobs: readonly DemoJob[]): void {
    const columns = process.stderr.columns || 80
    const lines = jobs.map((job) => {
      const line = `${this.#clock()} ${stateLine(job)}`.slice(0, columns - 1)
      return `\u001b[2K${line}\n`
    })
    const up = this.#drawn > 0 ? `\u001b[${this.#drawn}A` : ''
    this.#drawn = lines.length
    process.stderr.write(up + lines.join(''))
  }

  #clock(): string {
    return `${((performance.now() - this.#started) / 1_000).toFixed(1).padStart(5)} s`
  }
}

function stateLine({ vendor, serial, view }: DemoJob): string {
  const state = view.status === 'complete' ? `complete, ${view.result}` : view.status
  const doing = machineActivity(view) || (view.events?.at(-1)?.message ?? '')
  return `${vendor.padEnd(12)} ${serial.padEnd(16)} ${state.padEnd(20)} ${doing}`.trimEnd()
}

const COLUMNS: Readonly<Record<string, (row: DemoRow) => string>> = {
  vendor: (row) => row.vendor,
  job: (row) => row.job_id,
  status: (row) => row.status,
  result: (row) => row.result ?? '',
  'failed step': (row) => row.failed_step ?? '',
  code: (row) => row.failed_code ?? '',
  plan: (row) => row.media_plan ?? '',
  'bytes read': (row) => row.bytes_read.toLocaleString('en'),
  seconds: (row) => row.seconds.toFixed(1),
}

/** The rows under their head line, columns aligned. */
export function table(rows: readonly DemoRow[]): string {
  const cells = [
    Object.keys(COLUMNS),
    ...rows.map((row) => Object.values(COLUMNS).map((of) => of(row))),
  ]
  const widths = Object.keys(COLUMNS).map((_, index) =>
    Math.max(...cells.map((line) => line[index]?.length ?? 0)),
  )
  return cells
    .map((line) =>
      line
        .map((cell, index) => cell.padEnd(widths[index] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}
