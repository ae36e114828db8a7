// SPDX-License-Identifier: AGPL-3.0-or-later
import { sentence } from '../faults.ts'
import { limit } from '../limit.ts'
import { journalOf } from '../store/job-story.ts'
import { move, patchJob } from '../store/jobs.ts'
import { releaseMachine } from '../store/machines.ts'
import { HOUR, MINUTE, SECOND } from '../units.ts'
import type { Drive } from './bmc.ts'
import { fetchedWhole } from './deadlines.ts'
import { evidenceFaults } from './faults.ts'
import type { Job } from './job.ts'
import { readJournal } from './journal.ts'
import { imageHost, ownerOf, ownHosts } from './ownership.ts'
import type { JobParts } from './parts.ts'
import { openSession, type Pass, type Session } from './session.ts'
import { HandedOver, StepFailure } from './steps.ts'
import { removeTaskIso } from './task-iso-file.ts'

/** Shortest and longest pause between two looks whether a machine that reported has powered itself off. */
const SHORTEST_LOOK_MS = SECOND / 2
const LONGEST_LOOK_MS = 15 * SECOND

const settling = ['succeeded', 'failed'] as const

/** The end: nothing of ours is left at the controller, the secrets on the task ISO are gone. */
async function finish(parts: JobParts, job: Job, message: string): Promise<void> {
  await removeTaskIso(parts.taskIsoDir, job)
  const now = parts.now()
  // Who sees the end sees the machine free: the leases go with it, not in a commit of their own.
  const free = { leaseOwner: null, leaseUntil: null }
  const kept = { cleanup: 'done', mediaValid: false, updatedAt: now, nextCheckAt: null } as const
  const end = { ...kept, ...free }
  await parts.book.change(
    async (tx) => {
      if (job.leaseOwner !== null) await releaseMachine(tx, job.machineId, job.leaseOwner)
      if (job.status === 'complete') return patchJob(tx, job.id, ['complete'], end)
      const from = job.status as 'succeeded' | 'failed'
      return move(tx, job.id, from, 'complete', { ...end, completedAt: now })
    },
    { level: 'info', message, step: 'done' },
  )
}

/** Is the image that a drive shows ours to take out? */
async function isOurs(parts: JobParts, job: Job, drive: Drive): Promise<boolean> {
  if (!drive.image) return false
  if (job.media.some((each) => each.imageUrl === drive.image)) return true
  return (await ownerOf(parts.db, drive.image, ownHosts(parts.addresses))) === 'ours'
}

async function ejectOurs(parts: JobParts, session: Session, signal: AbortSignal): Promise<void> {
  const { bmc, job, notes } = session
  for (const drive of (await bmc.read(signal)).drives) {
    if (!(await isOurs(parts, job, drive))) continue
    const image = drive.image
    const answer = await bmc.ejectMedia(drive.uri, (url) => url === image, signal)
    if (answer === 'confirmed') continue
    if (fetchedWhole(job)) {
      throw evidenceFaults.stillInserted(
        `drive ${drive.id} of ${session.machine.bmc.url} was told to eject and still holds its own copy of our image, which would boot again; eject it on the controller's page`,
      )
    }
    // What it shows can not boot any more: the URL answers 404 from here on.
    await parts.book.change((tx) => patchJob(tx, job.id, [job.status], { mediaValid: false }))
    await notes.add({
      level: 'warn',
      message: `drive ${drive.id} was ejected but still shows the image; its URL is revoked`,
      step: 'cleanup.eject',
    })
  }
}

/** Power and drives, outside of any step. */
async function readState({ bmc }: Session) {
  using span = limit(MINUTE)
  return await bmc.read(span.signal)
}

/** True when the machine, having reported, may still be powering itself off. */
async function stillEnding(
  parts: JobParts,
  session: Session,
  graceUntil: number,
): Promise<boolean> {
  const { job } = session
  if (job.reportedAt === null) return false
  const until = job.reportedAt + parts.config.limits.off_s * SECOND + job.pausedMs
  if (parts.now() >= Math.max(until, graceUntil)) return false
  return (await readState(session)).power !== 'Off'
}

const powersOn = (parts: JobParts, job: Job) =>
  job.result === 'succeeded' || parts.config.jobs.power_on_after_failure

/** Did another appliance take the machine over, and may it be at work there? */
async function takenOver(parts: JobParts, session: Session): Promise<boolean> {
  const { drives } = await readState(session)
  for (const { image } of drives) {
    if (
      !image ||
      (await ownerOf(parts.db, image, ownHosts(parts.addresses))) !== 'another-appliance'
    )
      continue
    await session.notes.add({
      level: 'warn',
      message: `another appliance at ${imageHost(image)} has the machine now; its power and boot override are left alone`,
      step: 'cleanup',
    })
    return true
  }
  return false
}

/** Off, media out, override cleared, on: each done once, as the journal says. False: look again later. */
async function undo(parts: JobParts, session: Session, graceUntil: number): Promise<boolean> {
  const { bmc, job, journal, step } = session
  if (await takenOver(parts, session)) {
    await step('cleanup.eject', (signal) => ejectOurs(parts, session, signal))
    return true
  }
  if (!journal.done('cleanup.power-off')) {
    if (await stillEnding(parts, session, graceUntil)) return false
    await step('cleanup.power-off', (signal) => bmc.powerOff(signal))
  }
  if (!journal.done('cleanup.eject')) {
    await step('cleanup.eject', (signal) => ejectOurs(parts, session, signal))
  }
  if (!journal.done('cleanup.boot-override')) {
    await step('cleanup.boot-override', (signal) => bmc.clearBootOverride(signal))
  }
  if (powersOn(parts, job)) {
    await step('cleanup.power-on', (signal) => bmc.powerOn(signal))
  }
  return true
}

/** Long after the job: takes media of ours out; power is touched only where we had left it off. */
async function undoLate(parts: JobParts, session: Session): Promise<boolean> {
  const { bmc, job, step } = session
  await step('cleanup.eject', (signal) => ejectOurs(parts, session, signal))
  const { power } = await readState(session)
  if (power === 'Off' && !(await takenOver(parts, session))) {
    await step('cleanup.boot-override', (signal) => bmc.clearBootOverride(signal))
    if (powersOn(parts, job)) await step('cleanup.power-on', (signal) => bmc.powerOn(signal))
  }
  return true
}

/** Not confirmed: again soon, and after the limit in the background, where it holds nobody up. */
async function postpone(
  parts: JobParts,
  job: Job,
  failure: unknown,
  graceUntil: number,
): Promise<void> {
  const now = parts.now()
  const attempts = job.cleanupAttempts + 1
  const late = job.status === 'complete'
  const pauseMs = late
    ? Math.min(30 * SECOND * 2 ** Math.min(attempts, 8), HOUR)
    : Math.min(5 * SECOND * 2 ** attempts, MINUTE)
  const change = { cleanupAttempts: attempts, updatedAt: now, nextCheckAt: now + pauseMs }
  const cause = failure instanceof StepFailure ? failure.cause : failure
  const why = `cleanup attempt ${attempts} failed: ${sentence(cause)}`
  const limit = (job.settleBegunAt ?? now) + parts.config.limits.cleanup_s * SECOND + job.pausedMs
  const over = !late && now >= Math.max(limit, graceUntil)
  await parts.book.change(
    (tx) =>
      over
        ? move(tx, job.id, job.status as 'succeeded' | 'failed', 'complete', {
            ...change,
            cleanup: 'pending',
            completedAt: now,
          })
        : patchJob(tx, job.id, [job.status], change),
    {
      level: 'warn',
      message: over ? `${why}; the job is complete, the cleanup goes on in the background` : why,
      step: failure instanceof StepFailure ? failure.step : 'cleanup',
    },
  )
}

/**
 * Undoes at the controller what the journal says was begun, and nothing else: a job that never
 * touched its machine leaves it as it was. May be cut anywhere and repeated. Before `graceUntil`,
 * soon after a start of the appliance, none of its limits is over.
 */
export async function settle(parts: JobParts, job: Job, pass: Pass, graceUntil = 0): Promise<void> {
  const journal = readJournal(await journalOf(parts.db.read, job.id))
  if (!journal.begun('redfish.power-off')) {
    return finish(parts, job, 'complete; the machine was not touched')
  }
  const late = job.status === 'complete'
  try {
    await using session = await openSession(parts, job, {
      ...pass,
      connectStep: 'cleanup.connect',
      while: late ? ['complete'] : settling,
    })
    const ended = await (late ? undoLate(parts, session) : undo(parts, session, graceUntil))
    if (!ended) {
      const waitedMs = parts.now() - (job.reportedAt ?? 0)
      const pauseMs = Math.min(Math.max(waitedMs / 2, SHORTEST_LOOK_MS), LONGEST_LOOK_MS)
      const nextCheckAt = Math.ceil(parts.now() + pauseMs)
      await parts.db.write((tx) => patchJob(tx, job.id, settling, { nextCheckAt }))
      return
    }
    await session.notes.settled()
  } catch (error) {
    if (error instanceof HandedOver || pass.stopping.aborted) return
    return postpone(parts, job, error, graceUntil)
  }
  await finish(parts, job, 'complete; media out, boot override cleared')
}
