// SPDX-License-Identifier: AGPL-3.0-or-later
import { sleep } from '../../../core/retry.ts'
import { SECOND } from '../../../core/units.ts'
import type { TaskRun } from './care-tasks.ts'

export type PausedBy = 'hand' | 'job'

export interface PauseParts {
  readonly byHand: () => boolean
  /** Asked before each step, where jobs go first. */
  readonly jobsRun: () => Promise<boolean>
  /** Between two questions, in ms. */
  readonly lookMs?: number
}

/** Holds long work up while somebody wants the disk for himself. */
export interface Pause {
  reason(): Promise<PausedBy | undefined>
  /** Resolves when the work may go on; rejects when the task is canceled. To be called between whole steps. */
  passed(run: TaskRun): Promise<void>
}

export function createPause({ byHand, jobsRun, lookMs = SECOND }: PauseParts): Pause {
  const reason = async (): Promise<PausedBy | undefined> => {
    if (byHand()) return 'hand'
    return (await jobsRun()) ? 'job' : undefined
  }
  return {
    reason,
    async passed(run) {
      run.signal.throwIfAborted()
      if ((await reason()) === undefined) return
      run.paused(true)
      do await sleep(lookMs, run.signal)
      while ((await reason()) !== undefined)
      run.paused(false)
    },
  }
}
