// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Fault } from '../faults.ts'
import { machineFaults } from '../machines/faults.ts'
import { withoutTokens } from '../redact.ts'
import { eventsOf, evidenceOf } from '../store/job-story.ts'
import { findJob, patchJob } from '../store/jobs.ts'
import { MINUTE } from '../units.ts'
import { close, endingOf } from './close.ts'
import { type Deadline, deadlineOf, fetchedWhole } from './deadlines.ts'
import { evidenceFaults } from './faults.ts'
import type { Job } from './job.ts'
import type { JobParts } from './parts.ts'

/** The claim makes the media one-shot: before it a launch may be tried once more. */
const MOST_LAUNCHES = 2

const minutes = (ms: number) => `${Math.round(ms / MINUTE)} min`

const urls = (job: Job) => job.media.map((each) => withoutTokens(each.imageUrl)).join(' and ')

async function lastAnswer(parts: JobParts, job: Job): Promise<string> {
  const lines = await eventsOf(parts.db.read, job.id)
  const answer = lines.findLast((line) => line.step === 'redfish' && /insert/i.test(line.message))
  return answer ? ` To the insert it answered: ${answer.message}` : ''
}

/** The verdict on a job that waited too long: what was seen last, and what to look at. */
async function verdict(parts: JobParts, job: Job, deadline: Deadline): Promise<Fault> {
  const machine = await parts.machines.byId(job.machineId)
  const bmc = machine?.bmc.url ?? 'the BMC'
  const waited = minutes(parts.now() - (job.poweredOnAt ?? job.createdAt))
  const seen = await evidenceOf(parts.db.read, job.id)
  const last = seen.at(-1)?.detail
  if (deadline.for === 'report') {
    return machineFaults.silent(
      `machine ${job.serial} claimed the job and then was silent for ${minutes(parts.now() - (job.heardAt ?? 0))}; last seen: ${last ?? 'nothing'}. Look at its console`,
    )
  }
  if (deadline.for === 'claim') {
    return machineFaults.unclaimed(
      `machine ${job.serial} read its media but did not claim the job within ${waited} of power on; last seen: ${last ?? 'nothing'}. It was given ${urls(job)}; look at its console, and whether it reaches this appliance`,
    )
  }
  if (seen.length > 0) {
    return evidenceFaults.notBooted(
      `${bmc} fetched a part of the media, but the machine read nothing of it within ${waited} of power on; last seen: ${last}. Look at its boot mode, its one-time boot device and Secure Boot`,
    )
  }
  return evidenceFaults.mediaNotFetched(
    `${bmc} read nothing of ${urls(job)} within ${waited} of power on; check that it can reach that address, or set media.base_url.${await lastAnswer(parts, job)}`,
  )
}

/**
 * Why the job may be launched once more, if it may: it has not claimed, so it has written nothing,
 * and either nothing was read at all, or our own absence broke what was. `pausedMs` is that absence;
 * whatever is read or heard anew sets it back.
 */
function whyAgain(job: Job, deadline: Deadline): string | undefined {
  if (job.launches >= MOST_LAUNCHES || job.claimedAt !== null) return undefined
  if (deadline.for === 'media') return 'nothing was read since power on'
  // A BMC that had fetched all of it boots from its own copy: we were not missed.
  if (deadline.for !== 'claim' || job.pausedMs === 0 || fetchedWhole(job)) return undefined
  return 'the appliance was away while the machine booted from it, and nothing came after'
}

/** Opens a second launch, unless the claim or another read came in meanwhile. */
function again(parts: JobParts, id: string, why: string): Promise<Job | undefined> {
  const now = parts.now()
  return parts.book.change(
    async (tx) => {
      const job = await findJob(tx, id)
      if (!job || job.poweredOnAt === null) return undefined
      const deadline = deadlineOf(job, parts.config.limits)
      if (deadline.at > now || whyAgain(job, deadline) !== why) return undefined
      return patchJob(tx, id, ['provisioning'], {
        launches: job.launches + 1,
        poweredOnAt: null,
        powerOnBegunAt: null,
        updatedAt: now,
        nextCheckAt: now,
      })
    },
    { level: 'warn', message: `${why}; launching once more`, step: 'start' },
  )
}

/**
 * Looks at a launched job whose time may be over. `graceUntil`: after a start of the appliance no
 * deadline fires before, since machines that tried to reach us meanwhile need time to come back.
 */
export async function judge(parts: JobParts, job: Job, graceUntil: number): Promise<void> {
  const deadline = deadlineOf(job, parts.config.limits)
  const due = Math.max(deadline.at, graceUntil)
  if (parts.now() < due) {
    await parts.db.write((tx) => patchJob(tx, job.id, ['provisioning'], { nextCheckAt: due }))
    return
  }
  const why = whyAgain(job, deadline)
  if (why !== undefined && (await again(parts, job.id, why))) return
  const fault = await verdict(parts, job, deadline)
  const step = deadline.for === 'report' ? 'await-report' : `await-${deadline.for}`
  const ending = endingOf(step, fault)
  await parts.book.change(
    async (tx) => {
      // A claim or a read may have come in since the row was taken.
      const fresh = await findJob(tx, job.id)
      if (!fresh || deadlineOf(fresh, parts.config.limits).at > parts.now()) {
        await patchJob(tx, job.id, ['provisioning'], { nextCheckAt: parts.now() })
        return undefined
      }
      return close(tx, job.id, ending, parts.now())
    },
    { level: 'error', message: fault.message, step },
  )
}
