// SPDX-License-Identifier: AGPL-3.0-or-later
import type { JournalRow } from '../store/job-story.ts'

/** What the journal says was begun or done: after a crash it decides, not a guess. */
export interface Journal {
  begun(step: string): boolean
  done(step: string): boolean
  /** Begun in that launch, whatever came of it. */
  begunIn(step: string, launch: number): boolean
}

export const readJournal = (rows: readonly JournalRow[]): Journal => ({
  begun: (step) => rows.some((row) => row.step === step),
  done: (step) => rows.some((row) => row.step === step && row.outcome === 'done'),
  begunIn: (step, launch) => rows.some((row) => row.step === step && row.launch === launch),
})
