// SPDX-License-Identifier: AGPL-3.0-or-later
import { activity, type DemoJob, type DemoRow } from './demo-jobs.ts'

/** Shows jobs while they run, on stderr: redrawn in place on a terminal, else a line for each change. */
export class ProgressView {
  readonly #live = process.stderr.isTTY === true && process.env['TERM'] !== 'dumb'
  readonly #started = performance.now()
  readonly #shown = new Map<string, string>()

  show(jobs: readonly DemoJob[]): void {
    if (this.#live) this.#redraw(jobs)
    else for (const job of jobs) this.#append(job)
  }

  #append(job: DemoJob): void {
    const line = lineOf(job)
    if (this.#shown.get(job.serial) === line) return
    this.#shown.set(job.serial, line)
    process.stderr.write(`${this.#clock()} ${line}\n`)
  }

  #redraw(jobs: readonly DemoJob[]): void {
    const columns = process.stderr.columns || 80
    const up = this.#shown.size > 0 ? `\u001b[${this.#shown.size}A` : ''
    const lines = jobs.map((job) => {
      const line = `${this.#clock()} ${lineOf(job)}`.slice(0, columns - 1)
      this.#shown.set(job.serial, line)
      return `\u001b[2K${line}\n`
    })
    process.stderr.write(up + lines.join(''))
  }

  #clock(): string {
    return `${((performance.now() - this.#started) / 1_000).toFixed(1).padStart(5)} s`
  }
}

function lineOf(job: DemoJob): string {
  const { vendor, serial, view } = job
  const state = view.status === 'complete' ? `complete, ${view.result}` : view.status
  return `${vendor.padEnd(12)} ${serial.padEnd(16)} ${state.padEnd(20)} ${activity(view)}`.trimEnd()
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
