// SPDX-License-Identifier: AGPL-3.0-or-later
import { Fault } from '../faults.ts'
import { limit } from '../limit.ts'
import type { Logger } from '../log.ts'
import type { Db } from '../store/client.ts'
import { beginStep, endStep } from '../store/job-story.ts'
import { MINUTE } from '../units.ts'
import { jobFaults } from './faults.ts'

/** Longest time of a step in ms: the controllers' own limits (redfish.md 1.7, rule 11) and room for retries. */
const LIMIT_MS: Readonly<Record<string, number>> = {
  'redfish.connect': 3 * MINUTE,
  'media.plan': 3 * MINUTE,
  'redfish.power-off': 6 * MINUTE,
  'redfish.power-on': 12 * MINUTE,
  'cleanup.power-off': 6 * MINUTE,
  'cleanup.power-on': 6 * MINUTE,
}
const DEFAULT_LIMIT_MS = 10 * MINUTE

/** A step failed: which, and by what. */
export class StepFailure extends Error {
  readonly step: string
  constructor(step: string, cause: unknown) {
    super(`${step} failed`, { cause })
    this.step = step
  }
}

/** The run ends here without a verdict: the job was taken out of our hands, or the appliance stops. */
export class HandedOver extends Error {}

export interface StepParts {
  readonly db: Db
  readonly log: Logger
  readonly now: () => number
  readonly jobId: string
  readonly launch: number
  /** The appliance stops: the journal keeps `begun`, and the next start goes on from there. */
  readonly stopping: AbortSignal
  /** Asked before each step; throws HandedOver when the job is no longer ours to work on. */
  readonly guard: () => Promise<void>
  readonly note: (level: 'info' | 'warn' | 'error', message: string, step: string) => Promise<void>
  /** Instead of the controllers' own limits. */
  readonly limitMs?: number
}

export type Step = <T>(name: string, work: (signal: AbortSignal) => Promise<T>) => Promise<T>

/** Timing, journal, blame and abort, in one place for every step. */
export function createStep(parts: StepParts): Step {
  const { db, log, now, jobId, launch, stopping, guard, note } = parts
  return async (name, work) => {
    await guard()
    if (stopping.aborted) throw new HandedOver()
    const begunAt = now()
    const started = performance.now()
    const limitMs = parts.limitMs ?? LIMIT_MS[name] ?? DEFAULT_LIMIT_MS
    using span = limit(limitMs, stopping)
    const seq = await db.write((tx) => beginStep(tx, { jobId, launch, step: name, begunAt }))
    const end = (outcome: 'done' | 'failed', code: string | null) =>
      db.write((tx) => endStep(tx, seq, { endedAt: now(), outcome, code }))
    try {
      stopping.throwIfAborted()
      const result = await work(span.signal)
      const ms = Math.round(performance.now() - started)
      // Asked for together, they share a commit.
      await Promise.all([end('done', null), note('info', `${name} done in ${ms} ms`, name)])
      log.debug({ job: jobId, step: name, ms }, 'step done')
      return result
    } catch (error) {
      if (error instanceof HandedOver || stopping.aborted)
        throw new HandedOver('', { cause: error })
      const cause =
        span.isOver && !(error instanceof Fault)
          ? jobFaults.stepTimeout(`${name} did not end within ${limitMs / 1_000} s`, {
              cause: error,
            })
          : error
      await end('failed', cause instanceof Fault ? cause.code : 'job.unexpected')
      log[cause instanceof Fault ? 'warn' : 'error'](
        { job: jobId, step: name, err: cause },
        'step failed',
      )
      throw new StepFailure(name, cause)
    }
  }
}
