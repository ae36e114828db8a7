// SPDX-License-Identifier: AGPL-3.0-or-later
import { JOB_STATUSES } from '../../schemas/job.ts'
import { createClockWatch } from '../clock.ts'
import { pruneAudit } from '../store/audit.ts'
import {
  adoptJobs,
  dueJobs,
  leaseJob,
  nextDue,
  releaseJob,
  renewJob,
  shiftJobs,
} from '../store/due-jobs.ts'
import { patchJob, pruneJobs } from '../store/jobs.ts'
import { leaseMachine, releaseMachine } from '../store/machines.ts'
import { readSetting, writeSetting } from '../store/settings.ts'
import { DAY, HOUR, MINUTE, SECOND } from '../units.ts'
import type { Job } from './job.ts'
import { judge } from './judge.ts'
import type { JobParts } from './parts.ts'
import { begin, provision } from './provision.ts'
import type { Pass } from './session.ts'
import { settle } from './settle.ts'
import { sweepTaskIsos } from './task-iso-file.ts'

const LEASE_MS = MINUTE
const RENEW_MS = 20 * SECOND
/** Another run holds the machine: ask again then. */
const MACHINE_BUSY_MS = 2 * SECOND
const ALIVE_MS = 30 * SECOND
/** Shortest sleep between two looks: a row may be due and held by somebody else. */
const SHORTEST_NAP_MS = 50
/** Longest sleep between two looks at the rows, should a wake-up be lost. */
const LONGEST_NAP_MS = 30 * SECOND

/**
 * A controller that has not given its first answer by then may never do: its run gives its place to
 * another one, and counts again once the answer is there. Hundreds of dead controllers would else
 * hold all places for as long as we try to reach them.
 */
const FIRST_ANSWER_MS = SECOND
/** Runs without a place, for each place: a socket and a timer each. */
const ASIDE_PER_PLACE = 8

/** A controller that does not answer must not hold up the end of the process: the journal knows the rest. */
const PATIENCE_MS = 10 * SECOND

/** Takes each row that is due one step further. A job that waits for its machine holds nothing. */
export interface Runner {
  /** Works until no row is due, then resolves; how often a row was taken. For tests and `start`. */
  tick(): Promise<number>
  /** Adopts what an earlier process left behind, and works on its own from then on. */
  start(): Promise<void>
  /** Removes jobs and calls whose history is over; done every hour by itself. Returns how many jobs. */
  prune(): Promise<number>
  /** A row is due at `at`, Unix ms: looks at once, or then. Null: it waits for nothing. */
  wake(at: number | null): void
  /** Ends the runs where they are; the journal says where to go on. */
  stop(): Promise<void>
}

export function createRunner(parts: JobParts): Runner {
  const { db, now, log } = parts
  const instance = crypto.randomUUID().slice(0, 8)
  const stop = new AbortController()
  const running = new Map<string, Promise<void>>()
  /** Of these, whose controllers keep silent. */
  const aside = new Set<string>()
  let roomMade = Promise.withResolvers<void>()
  const timers = new Set<ReturnType<typeof setInterval>>()
  let startedAt = now()
  const clockStep = createClockWatch(parts)
  let nap: ReturnType<typeof setTimeout> | undefined
  let napUntil = 0
  let looking = false
  let lookAgain = false
  let live = false

  /** No deadline fires before: machines that tried to reach us meanwhile need time to come back. */
  const graceUntil = () => (live ? startedAt + parts.config.limits.start_grace_s * SECOND : 0)

  /** By how much the clock was set and the rows do not know it yet, ms. */
  let owedMs = 0
  let following: Promise<void> = Promise.resolve()

  const moveDeadlines = async () => {
    const step = Math.round(clockStep())
    startedAt += step
    owedMs += step
    if (owedMs === 0) return
    // Both or neither: a start after a crash would count the same step as time that we were down.
    const ids = await db.write(async (tx) => {
      await writeSetting(tx, 'alive_at', now())
      return shiftJobs(tx, owedMs, now())
    })
    const seconds = Math.round(Math.abs(owedMs) / SECOND)
    const message = `the clock of this box was set ${owedMs > 0 ? 'forward' : 'back'} by ${seconds} s: deadlines moved with it`
    owedMs = 0
    log.warn({ jobs: ids.length }, message)
    for (const id of ids) await parts.book.note(id, { level: 'warn', message, step: 'clock' })
  }

  /** A clock that was set (a dead one that met a time server) ends nothing that waits, and holds nothing up. */
  const followClock = (): Promise<void> => {
    following = following.catch(() => undefined).then(moveDeadlines)
    return following
  }

  const passOf = (job: Job): Pass => ({
    stopping: stop.signal,
    awaitAnswer() {
      const timer = setTimeout(() => {
        aside.add(job.id)
        roomMade.resolve()
        roomMade = Promise.withResolvers()
        if (live) look()
      }, FIRST_ANSWER_MS)
      return () => {
        clearTimeout(timer)
        aside.delete(job.id)
      }
    },
  })

  const advance = async (job: Job): Promise<void> => {
    const pass = passOf(job)
    if (job.status === 'queued') {
      const begun = await begin(parts, job)
      return begun && provision(parts, begun, pass)
    }
    if (job.status === 'provisioning') {
      return job.poweredOnAt === null
        ? provision(parts, job, pass)
        : judge(parts, job, graceUntil())
    }
    if (job.status === 'complete' && job.cleanup !== 'pending') {
      await db.write((tx) => patchJob(tx, job.id, ['complete'], { nextCheckAt: null }))
      return
    }
    await settle(parts, job, pass, graceUntil())
  }

  /** The row and its machine, or undefined when somebody else holds one of them. */
  const take = (id: string, owner: string) =>
    db.write(async (tx) => {
      const at = now()
      const job = await leaseJob(tx, id, owner, at, at + LEASE_MS)
      if (!job) return undefined
      if (await leaseMachine(tx, job.machineId, owner, at, at + LEASE_MS)) return job
      await releaseJob(tx, id, owner)
      await patchJob(tx, id, [job.status], { nextCheckAt: at + MACHINE_BUSY_MS })
      return undefined
    })

  const release = (job: Job, owner: string) =>
    db.write(async (tx) => {
      await releaseJob(tx, job.id, owner)
      await releaseMachine(tx, job.machineId, owner)
    })

  const renew = (job: Job, owner: string) =>
    db.write(async (tx) => {
      await renewJob(tx, job.id, owner, now() + LEASE_MS)
      await leaseMachine(tx, job.machineId, owner, now(), now() + LEASE_MS)
    })

  const runOne = async (id: string): Promise<void> => {
    const owner = `${instance}/${id}`
    const job = await take(id, owner)
    if (!job) return
    const renewal = setInterval(() => {
      renew(job, owner).catch((error: unknown) => log.error({ job: id, err: error }, 'lease lost'))
    }, RENEW_MS)
    try {
      await advance(job)
    } catch (error) {
      log.error({ job: id, err: error }, 'a pass over a job failed; trying again in a minute')
      await db.write((tx) => patchJob(tx, id, JOB_STATUSES, { nextCheckAt: now() + MINUTE }))
    } finally {
      clearInterval(renewal)
      await release(job, owner)
    }
  }

  /** How many runs may begin now. */
  const places = () => {
    const { concurrency } = parts.config.jobs
    const free = concurrency - (running.size - aside.size)
    return Math.min(free, concurrency * (1 + ASIDE_PER_PLACE) - running.size)
  }

  /** Starts what is due, up to the limit of runs; the promises of what it started. */
  const launchDue = async (): Promise<Promise<void>[]> => {
    await followClock()
    const room = places()
    if (room <= 0 || stop.signal.aborted) return []
    const due = await dueJobs(db.read, now(), room + running.size)
    // Stopped meanwhile: a run that began now would outlive the database.
    if (stop.signal.aborted) return []
    return due
      .filter((id) => !running.has(id))
      .slice(0, room)
      .map((id) => {
        const run = runOne(id)
        running.set(id, run)
        const ended = () => {
          running.delete(id)
          if (live) look()
        }
        // What failed (on a full disk, say) is due at once: the pause keeps it from spinning.
        run.then(ended, () => setTimeout(ended, live ? SECOND : 0))
        return run
      })
  }

  const napTo = (at: number): void => {
    clearTimeout(nap)
    if (stop.signal.aborted) return
    const pauseMs = Math.min(Math.max(at - now(), SHORTEST_NAP_MS), LONGEST_NAP_MS)
    napUntil = now() + pauseMs
    nap = setTimeout(look, pauseMs)
  }

  /** One look at the rows; asked again meanwhile, it looks again. */
  const look = (): void => {
    if (stop.signal.aborted) return
    lookAgain = true
    if (looking) return
    looking = true
    clearTimeout(nap)
    const turn = async () => {
      while (lookAgain && !stop.signal.aborted) {
        lookAgain = false
        for (const run of await launchDue())
          run.catch((err: unknown) => log.error({ err }, 'run failed'))
      }
      // With no room for another run, the end of one is what to wait for.
      napTo((places() <= 0 ? undefined : await nextDue(db.read)) ?? Number.POSITIVE_INFINITY)
    }
    turn()
      .catch((error: unknown) => {
        log.error({ err: error }, 'the rows that are due could not be read')
        napTo(now() + SECOND)
      })
      .finally(() => {
        looking = false
        if (lookAgain) look()
      })
  }

  const every = (ms: number, what: string, work: () => Promise<unknown>) => {
    timers.add(
      setInterval(() => {
        work().catch((error: unknown) => log.error({ err: error }, what))
      }, ms),
    )
  }

  const prune = () =>
    db.write(async (tx) => {
      const before = now() - parts.config.limits.history_days * DAY
      await pruneAudit(tx, before)
      return pruneJobs(tx, before)
    })

  /** Files of jobs that are over, or whose history is. */
  const sweep = async () => {
    await sweepTaskIsos(parts.taskIsoDir, async (id) => {
      const job = await parts.book.get(id)
      return job !== undefined && (job.status !== 'complete' || job.cleanup === 'pending')
    })
    await parts.transcripts.sweep(async (id) => (await parts.book.get(id)) !== undefined)
  }

  return {
    async tick() {
      let taken = 0
      const mine = new Set<Promise<void>>()
      for (;;) {
        const runs = await launchDue()
        taken += runs.length
        for (const run of runs) {
          const ended = () => mine.delete(run)
          run.then(ended, ended)
          mine.add(run)
        }
        if (mine.size === 0) return taken
        await Promise.race([Promise.all(mine), roomMade.promise])
      }
    },
    async start() {
      startedAt = now()
      live = true
      const aliveAt = await readSetting(db.read, 'alive_at')
      const downMs = typeof aliveAt === 'number' ? Math.max(0, startedAt - aliveAt) : 0
      const alive = () => db.write((tx) => writeSetting(tx, 'alive_at', now()))
      // Both or neither: a crash between the two would count the same time twice.
      const adopted = await db.write(async (tx) => {
        const ids = await adoptJobs(tx, downMs)
        await writeSetting(tx, 'alive_at', startedAt)
        return ids
      })
      const message = `the appliance started again after ${Math.round(downMs / SECOND)} s`
      for (const id of adopted) await parts.book.note(id, { level: 'info', message, step: 'start' })
      every(SECOND, 'deadlines could not follow the clock', followClock)
      every(ALIVE_MS, 'the sign of life could not be written', alive)
      every(HOUR, 'old jobs could not be removed', prune)
      every(HOUR, 'files of old jobs could not be removed', sweep)
      await sweep()
      look()
    },
    prune,
    wake(at) {
      if (!live || at === null) return
      if (at <= now()) look()
      else if (!looking && at < napUntil) napTo(at)
    },
    async stop() {
      stop.abort(new Error('the appliance stops'))
      clearTimeout(nap)
      for (const timer of timers) clearInterval(timer)
      let late: ReturnType<typeof setTimeout> | undefined
      const patience = new Promise<void>((resolve) => {
        late = setTimeout(resolve, PATIENCE_MS)
      })
      await Promise.race([Promise.allSettled(running.values()), patience])
      clearTimeout(late)
    },
  }
}
