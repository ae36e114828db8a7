// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Logger } from '../log.ts'
import type { BmcExchange, BmcWatch } from './bmc.ts'
import type { JobBook, Line } from './book.ts'
import type { Transcripts } from './transcripts.ts'

export interface NotesParts {
  readonly book: JobBook
  readonly log: Logger
  readonly transcripts: Transcripts
}

/** Lines of a job's log from code that can not wait for the database; stored in order. */
export interface Notes extends BmcWatch {
  add(line: Line): Promise<void>
  /** Resolves when all lines so far are stored. */
  settled(): Promise<void>
}

export function createNotes({ book, log, transcripts }: NotesParts, jobId: string): Notes {
  let tail: Promise<void> = Promise.resolve()
  const add = (line: Line) => {
    tail = tail
      .then(() => book.note(jobId, line))
      .catch((error: unknown) =>
        log.error({ job: jobId, err: error }, 'a line of the job’s log is lost'),
      )
    return tail
  }
  return {
    add,
    note: (level, message) => void add({ level, message, step: 'redfish' }),
    exchanged: (exchange: BmcExchange) => transcripts.add(jobId, exchange),
    settled: () => tail,
  }
}
