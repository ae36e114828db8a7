// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Hooks } from '../hooks.ts'
import { withoutTokens } from '../redact.ts'
import type { Db, Tx } from '../store/client.ts'
import { addEvent, type EventRow } from '../store/job-story.ts'
import { findJob } from '../store/jobs.ts'
import type { Feed } from './feed.ts'
import type { Job } from './job.ts'

export interface Line {
  readonly level: EventRow['level']
  readonly message: string
  readonly step?: string | undefined
  readonly source?: EventRow['source']
}

/** Where jobs are written down: every change is committed first and told to the watchers after. */
export interface JobBook {
  get(id: string): Promise<Job | undefined>
  /**
   * One transaction over one job, with the lines that belong to it. `work` returns the new row, or
   * undefined when it changed nothing: then no line is written either.
   */
  change(work: (tx: Tx) => Promise<Job | undefined>, ...lines: Line[]): Promise<Job | undefined>
  /** Lines of the job's log, in order with the changes; one transaction. */
  note(jobId: string, ...lines: Line[]): Promise<void>
}

export interface BookParts {
  readonly db: Db
  readonly hooks: Hooks
  readonly feed: Feed
  readonly now: () => number
}

const LONGEST_LINE = 8_192

export function createBook({ db, hooks, feed, now }: BookParts): JobBook {
  const write = (tx: Tx, jobId: string, line: Line) =>
    addEvent(tx, {
      jobId,
      at: now(),
      level: line.level,
      message: withoutTokens(line.message).slice(0, LONGEST_LINE),
      step: line.step ?? null,
      source: line.source ?? 'appliance',
    })
  return {
    get: (id) => findJob(db.read, id),
    async change(work, ...lines) {
      const { job, rows } = await db.write(async (tx) => {
        const changed = await work(tx)
        const written: EventRow[] = []
        for (const line of changed ? lines : [])
          written.push(await write(tx, changed?.id ?? '', line))
        return { job: changed, rows: written }
      })
      if (!job) return undefined
      for (const row of rows) feed.publish(job.id, { kind: 'log', row })
      feed.publish(job.id, { kind: 'job', job })
      hooks.changed.call(job)
      return job
    },
    async note(jobId, ...lines) {
      const rows = await db.write(async (tx) => {
        const written: EventRow[] = []
        for (const line of lines) written.push(await write(tx, jobId, line))
        return written
      })
      for (const row of rows) feed.publish(jobId, { kind: 'log', row })
    },
  }
}
