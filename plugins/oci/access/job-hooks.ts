// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Submission } from '../../../core/hooks.ts'
import type { Job } from '../../../core/jobs/job.ts'
import type { Jobs } from '../../../core/jobs/jobs.ts'
import type { JobRun } from '../../../core/jobs/run.ts'
import type { Logger } from '../../../core/log.ts'
import { isAlive, type JobCredentials } from './job-credential.ts'
import type { JobImages } from './job-image.ts'
import type { JobPulls } from './job-pull.ts'

export interface JobHookParts {
  readonly jobs: Pick<Jobs, 'get'>
  readonly images: JobImages
  readonly credentials: JobCredentials
  readonly pulls: Pick<JobPulls, 'forget'>
  readonly log: Logger
}

/** What a job had of the registry ends with it. */
function endOf({ images, credentials, log }: JobHookParts) {
  return async (jobId: string): Promise<void> => {
    try {
      await credentials.remove(jobId)
      await images.release(jobId)
    } catch (err) {
      // The login is void all the same: it is judged by its job. The next start takes both away.
      log.error({ job: jobId, err }, 'what the job had of the registry was not removed')
    }
  }
}

/** Jobs that are remembered at most; what an older one leaves goes at the next start. */
const MOST_HELD = 10_000

/** What the hooks of jobs do here. */
export interface JobHooks {
  open(scope: AsyncDisposableStack): Promise<void>
  submit(submission: Submission): Promise<void>
  prepare(run: JobRun): Promise<void>
  changed(job: Job): void
}

/**
 * Ties jobs to what they install: pinned when they come in, held and opened for their machine while
 * they live, and for nobody once they are over.
 */
export function createJobHooks(parts: JobHookParts): JobHooks {
  const { jobs, images, credentials, pulls, log } = parts
  const end = endOf(parts)
  /** Jobs that may have something here. */
  const held = new Set<string>()
  /** Writes under way; a stop of the appliance waits for them. */
  const writing = new Set<Promise<void>>()
  const begin = (work: Promise<void>): void => {
    const over = work.finally(() => writing.delete(over))
    writing.add(over)
  }
  const remember = (jobId: string): void => {
    const [oldest] = held
    if (held.size >= MOST_HELD && oldest !== undefined) held.delete(oldest)
    held.add(jobId)
  }
  /** Without it the image would be held for an hour from the submit. */
  const keep = (jobId: string) =>
    images.keep(jobId).catch((err: unknown) => {
      log.error({ job: jobId, err }, 'the image of the job is not held for longer than an hour')
    })

  return {
    async open(scope) {
      // What a crash left: jobs that ended while nobody looked.
      for (const id of await images.holders()) {
        if (!isAlive(await jobs.get(id))) await end(id)
        else {
          remember(id)
          await keep(id)
        }
      }
      scope.defer(async () => void (await Promise.all(writing)))
    },

    async submit(submission) {
      const { recipe, by, jobId } = submission
      submission.recipe = await images.pin(recipe, by, jobId)
      if (jobId !== undefined && submission.recipe !== recipe) remember(jobId)
    },

    async prepare(run) {
      if (!images.isOurs(run.recipe)) return
      await run.step('oci.credential', async () => {
        const image = await images.hold(run.recipe, run.job.id)
        if (!image) return
        remember(run.job.id)
        const [base_url = ''] = run.jobDocument.base_urls
        const login = await credentials.make(run.job.id, image)
        run.jobDocument = { ...run.jobDocument, registry: { base_url, ...login } }
      })
    },

    changed(job) {
      credentials.changed(job)
      if (!held.has(job.id)) return
      if (job.status === 'queued') return begin(keep(job.id))
      if (isAlive(job)) return
      held.delete(job.id)
      pulls.forget(job.id)
      begin(end(job.id))
    },
  }
}
