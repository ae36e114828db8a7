// SPDX-License-Identifier: AGPL-3.0-or-later
import { sentence } from '../faults.ts'
import { machineFaults } from '../machines/faults.ts'
import type { Machine } from '../machines/machine.ts'
import { journalOf } from '../store/job-story.ts'
import { standingOf } from '../store/jobs.ts'
import type { Bmc } from './bmc.ts'
import type { Job } from './job.ts'
import { type Journal, readJournal } from './journal.ts'
import { createNotes, type Notes } from './notes.ts'
import type { JobParts } from './parts.ts'
import { createStep, HandedOver, type Step } from './steps.ts'

/** What one pass over one job works with. Dispose it: the controller's session is closed. */
export interface Session extends AsyncDisposable {
  readonly job: Job
  readonly machine: Machine
  readonly bmc: Bmc
  readonly journal: Journal
  readonly step: Step
  readonly notes: Notes
}

/** What the runner gives to one pass over a job. */
export interface Pass {
  readonly stopping: AbortSignal
  /**
   * The pass waits for the first answer of a controller from here on, until what comes back is
   * called: meanwhile it keeps nobody else from working.
   */
  awaitAnswer(): () => void
}

export interface SessionOptions extends Pass {
  /** Step name of the connection: it differs between launch and cleanup. */
  readonly connectStep: string
  /** Statuses in which the pass may go on; anything else hands the job over. */
  readonly while: readonly Job['status'][]
  /** The pass ends also when this holds of the job's row. */
  readonly until?: (job: Pick<Job, 'poweredOnAt'>) => boolean
}

/** Steps of a job before there is a connection. */
export function stepsOf(parts: JobParts, job: Job, options: SessionOptions) {
  const notes = createNotes(parts, job.id)
  const step = createStep({
    db: parts.db,
    log: parts.log,
    now: parts.now,
    jobId: job.id,
    launch: job.launches,
    stopping: options.stopping,
    note: (level, message, name) => notes.add({ level, message, step: name }),
    guard: async () => {
      const fresh = await standingOf(parts.db.read, job.id)
      if (!fresh || !options.while.includes(fresh.status)) throw new HandedOver()
      if (options.until?.(fresh)) throw new HandedOver()
    },
  })
  return { notes, step }
}

/** What `opening` gives before the signal; what comes later is closed again by itself. */
async function inTime(
  opening: Promise<Bmc | undefined>,
  signal: AbortSignal,
): Promise<Bmc | undefined> {
  const aborted = Promise.withResolvers<never>()
  const abort = () => aborted.reject(signal.reason)
  signal.addEventListener('abort', abort, { once: true })
  try {
    return await Promise.race([opening, aborted.promise])
  } catch (error) {
    // Its own failure was raced; a late success would leave a session open.
    opening.then((late) => late?.[Symbol.asyncDispose]()).catch(() => undefined)
    throw error
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

/** Opens the controller of a job. Throws StepFailure when it can not be reached. */
export async function openSession(
  parts: JobParts,
  job: Job,
  options: SessionOptions,
): Promise<Session> {
  const { notes, step } = stepsOf(parts, job, options)
  try {
    const journal = readJournal(await journalOf(parts.db.read, job.id))
    const machine = await parts.machines.byId(job.machineId)
    const bmc = await step(options.connectStep, async (signal) => {
      if (!machine) throw machineFaults.notFound(`machine ${job.serial} was removed meanwhile`)
      const answered = options.awaitAnswer()
      try {
        const opening = parts.hooks.bmc.promise(machine, { ...notes, answered })
        const found = await inTime(opening, signal)
        if (found) return found
        throw machineFaults.noBmc(`no plugin can talk to ${machine.bmc.url}`)
      } finally {
        answered()
      }
    })
    if (!machine) throw new Error('a session without a machine')
    return {
      ...{ job, machine, bmc, journal, step, notes },
      async [Symbol.asyncDispose]() {
        try {
          await bmc[Symbol.asyncDispose]()
        } catch (error) {
          // What was done stands: a logout that fails is no reason to fail the job.
          notes.note('warn', `the session at the controller stays open: ${sentence(error)}`)
        }
        await notes.settled()
      },
    }
  } catch (error) {
    await notes.settled()
    throw error
  }
}
