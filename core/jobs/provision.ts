// SPDX-License-Identifier: AGPL-3.0-or-later
import { recipeFaults } from '../faults.ts'
import { limit } from '../limit.ts'
import {
  documentsOf,
  keepImages,
  markPoweredOn,
  markPowerOnBegun,
  move,
  patchJob,
  supersedeCleanups,
} from '../store/jobs.ts'
import type { PublishedImage } from '../store/tables.ts'
import { MINUTE } from '../units.ts'
import { close, endingOf } from './close.ts'
import { deadlineOf } from './deadlines.ts'
import type { Job } from './job.ts'
import { jobDocument } from './job-document.ts'
import { launch } from './launch.ts'
import { ownerOf, ownHosts } from './ownership.ts'
import type { JobParts } from './parts.ts'
import type { JobRun } from './run.ts'
import { openMediaToken, openRecipe } from './secrets.ts'
import { openSession, type Pass, type Session } from './session.ts'
import { HandedOver, StepFailure } from './steps.ts'
import { removeTaskIso, taskIsoPath } from './task-iso-file.ts'

/** Takes a queued job up; the machine's unfinished cleanups are superseded in the same transaction. */
export async function begin(parts: JobParts, job: Job): Promise<Job | undefined> {
  const now = parts.now()
  let superseded: readonly Job[] = []
  const begun = await parts.book.change(
    async (tx) => {
      const moved = await move(tx, job.id, 'queued', 'provisioning', {
        launches: 1,
        updatedAt: now,
      })
      if (moved) superseded = await supersedeCleanups(tx, job.machineId, job.id, now)
      return moved
    },
    { level: 'info', message: 'provisioning begins', step: 'start' },
  )
  for (const old of superseded) {
    parts.hooks.changed.call(old)
    await removeTaskIso(parts.taskIsoDir, old)
    const message = `cleanup superseded by job ${job.id}`
    // Those who watch it learn that it is over.
    await parts.book.change((tx) => patchJob(tx, old.id, ['complete'], { updatedAt: now }), {
      level: 'info',
      message,
      step: 'cleanup',
    })
  }
  return begun
}

/** The run that plugins see: the media are theirs to fill. */
async function openRun(parts: JobParts, session: Session): Promise<JobRun> {
  const { job, machine, bmc, step, notes } = session
  const recipe = openRecipe(parts.sealer, await documentsOf(parts.db.read, job.id))
  const workflow = parts.hooks.workflow.call(recipe.task_target)
  if (!workflow) {
    throw recipeFaults.unsupported(
      `no plugin knows ${recipe.task_target} any more; is it switched off?`,
    )
  }
  const plan = await step('media.plan', (signal) => bmc.plan(signal))
  return {
    ...{ job, machine, recipe, workflow, bmc, plan, step },
    jobDocument: await jobDocument(parts, job, machine, bmc.localAddress),
    recipeSchema: parts.recipes.schema(),
    taskIsoPath: taskIsoPath(parts.taskIsoDir, job),
    mediaToken: openMediaToken(parts.sealer, job),
    media: new Map(),
    imageUrls: new Map(),
    note: (level, message) => notes.note(level, message),
  }
}

function published(run: JobRun): readonly PublishedImage[] {
  return [...run.imageUrls].map(([slot, imageUrl]) => {
    const image = run.media.get(slot)
    const driveUri = run.plan.drives[slot]
    if (!image || driveUri === undefined) throw new Error(`no image or drive for ${slot}`)
    return { slot, name: imageUrl.slice(imageUrl.lastIndexOf('/') + 1), driveUri, imageUrl, image }
  })
}

/** From here on the BMC may fetch: the URLs answer. */
async function publish(parts: JobParts, run: JobRun): Promise<void> {
  const images = published(run)
  const given = images.map(({ image, ...each }) => ({ ...each, sizeBytes: image.sizeBytes }))
  const changed = await parts.book.change(
    async (tx) => {
      await keepImages(tx, run.job.id, images)
      return patchJob(tx, run.job.id, ['provisioning'], {
        mediaPlan: run.plan.name,
        mediaPlanReason: run.plan.why,
        media: given,
        updatedAt: parts.now(),
      })
    },
    { level: 'info', message: `media plan ${run.plan.name}: ${run.plan.why}`, step: 'media.plan' },
  )
  if (!changed) throw new HandedOver()
}

async function powerOnBegun(parts: JobParts, job: Job): Promise<void> {
  const changed = await parts.book.change((tx) => markPowerOnBegun(tx, job.id, parts.now()))
  if (!changed) throw new HandedOver()
}

/** The launch has ended: the claim is open, the row waits. */
async function poweredOn(parts: JobParts, job: Job): Promise<void> {
  await parts.book.change(
    async (tx) => {
      const on = await markPoweredOn(tx, job.id, parts.now())
      if (!on) return undefined
      const { at } = deadlineOf(on, parts.config.limits)
      return patchJob(tx, job.id, ['provisioning'], { nextCheckAt: at })
    },
    { level: 'info', message: 'the machine is on; waiting for it to read, claim and report' },
  )
}

async function work(parts: JobParts, session: Session): Promise<void> {
  const { job, journal, bmc } = session
  if (journal.begunIn('redfish.power-on', job.launches)) {
    using span = limit(MINUTE)
    const { power } = await bmc.read(span.signal)
    await session.notes.add({
      level: 'warn',
      message: `the appliance was restarted in the middle of the power-on; the machine is ${power}`,
    })
    // On: it may have begun to boot our media; another launch could cut it. Off: nothing was lost.
    if (power === 'On' || power === 'PoweringOn') return poweredOn(parts, job)
  }
  await launchWhereTaken(parts, session)
  await poweredOn(parts, job)
}

/** Is there a plan without the drive that has just refused an image? Only families that list such drives are asked. */
async function hasOtherDrive({ bmc, plan, step }: JobRun, failure: unknown): Promise<boolean> {
  const refused = failure instanceof StepFailure && failure.step.startsWith('redfish.insert.')
  if (!refused || !bmc.profile.rules.nextDrive) return false
  try {
    const next = await step('media.plan', (signal) => bmc.plan(signal))
    return !Bun.deepEquals(next.drives, plan.drives)
  } catch (error) {
    // No plan is left: what the drive said of the image tells more than that.
    if (error instanceof StepFailure) return false
    throw error
  }
}

/** Plans, prepares and launches; again without a drive that turns out to be of no use. */
async function launchWhereTaken(parts: JobParts, session: Session): Promise<void> {
  const { job } = session
  const launchParts = {
    now: parts.now,
    ownerOf: (url: string) => ownerOf(parts.db, url, ownHosts(parts.addresses)),
    powerOnBegun: () => powerOnBegun(parts, job),
  }
  for (;;) {
    const run = await openRun(parts, session)
    await parts.hooks.prepare.promise(run)
    await publish(parts, run)
    try {
      return await launch(run, launchParts, job.launches > 1)
    } catch (failure) {
      if (!(await hasOtherDrive(run, failure))) throw failure
      run.note('warn', 'the drive takes no image of ours: planning again without it')
    }
  }
}

/**
 * One launch of a job, from the connection to the power-on. What fails ends the job; what is cut by
 * a crash or a stop of the appliance goes on at the next pass.
 */
export async function provision(parts: JobParts, job: Job, pass: Pass): Promise<void> {
  try {
    await using session = await openSession(parts, job, {
      ...pass,
      connectStep: 'redfish.connect',
      while: ['provisioning'],
      // The machine said meanwhile that it writes: it is on, and not ours to touch any more.
      until: (fresh) => fresh.poweredOnAt !== null,
    })
    await work(parts, session)
  } catch (error) {
    if (error instanceof HandedOver || pass.stopping.aborted) return
    const step = error instanceof StepFailure ? error.step : 'prepare'
    const cause = error instanceof StepFailure ? error.cause : error
    const ending = endingOf(step, cause)
    if (ending.code === 'job.unexpected')
      parts.log.error({ job: job.id, err: cause }, 'bug in a run')
    await parts.book.change((tx) => close(tx, job.id, ending, parts.now()), {
      level: 'error',
      message: ending.reason ?? '',
      step,
    })
  }
}
