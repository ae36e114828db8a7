// SPDX-License-Identifier: AGPL-3.0-or-later
import { eq } from 'drizzle-orm'
import type { Job } from '../../../core/jobs/job.ts'
import type { Jobs } from '../../../core/jobs/jobs.ts'
import { digest as digestOf, randomToken, type Sealer, sameDigest } from '../../../core/seal.ts'
import type { Db } from '../../../core/store/client.ts'
import { SECOND } from '../../../core/units.ts'
import { jobCredentials } from '../access-tables.ts'
import type { JobImage } from './job-image.ts'
import { reachOf } from './job-reach.ts'

/** Jobs that pull at the same time and are remembered. */
const MOST_KEPT = 1_000
/** A child that was pushed later is seen after this time at the latest. */
const REACH_MS = SECOND

const USER = /^job-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/

/** The job whose login has this name, if it is such a name. */
export const jobOfUser = (user: string): string | undefined => USER.exec(user)?.[1]
export const userOfJob = (jobId: string): string => `job-${jobId}`

/** A machine that installs. */
export interface JobLogin {
  readonly job: string
  readonly repository: string
  /** The pinned manifest and all that it leads to. */
  readonly reach: ReadonlySet<string>
}

/** Logins that are good for one image while one job lives. */
export interface JobCredentials {
  /** The same for each launch of a job. */
  make(jobId: string, image: JobImage): Promise<{ user: string; password: string }>
  /** Undefined when the password is not that of a living job. */
  judge(jobId: string, password: string, wanted?: string): Promise<JobLogin | undefined>
  /** Undefined when the job is over. `wanted`: a digest that is about to be asked for. */
  alive(jobId: string, wanted?: string): Promise<JobLogin | undefined>
  /** The job's row changed: what was kept of it is void. */
  changed(job: Pick<Job, 'id'>): void
  /** Nobody will ever log in with it again. */
  remove(jobId: string): Promise<void>
}

/** While a machine may still have to pull. */
export const isAlive = (job: Pick<Job, 'status'> | undefined): boolean =>
  job?.status === 'queued' || job?.status === 'provisioning'

interface Kept {
  readonly login: JobLogin
  readonly passwordDigest: string
  readonly reachedAt: number
}

export function createJobCredentials(parts: {
  readonly db: Db
  readonly jobs: Pick<Jobs, 'get'>
  readonly sealer: Sealer
  readonly now: () => number
}): JobCredentials {
  const { db, jobs, sealer, now } = parts
  const kept = new Map<string, Kept>()
  let changes = 0
  const place = (jobId: string) => `job/${jobId}/registry-password`

  const rowOf = async (jobId: string) => {
    const [row] = await db.read.select().from(jobCredentials).where(eq(jobCredentials.jobId, jobId))
    return row
  }

  const load = async (jobId: string): Promise<Kept | undefined> => {
    const row = await rowOf(jobId)
    if (!row || !isAlive(await jobs.get(jobId))) return undefined
    const { repository, digest, passwordDigest } = row
    const reach = await reachOf(db.read, repository, digest)
    return { login: { job: jobId, repository, reach }, passwordDigest, reachedAt: now() }
  }

  const find = async (jobId: string, wanted: string | undefined): Promise<Kept | undefined> => {
    const known = kept.get(jobId)
    if (known) {
      const reached = wanted === undefined || known.login.reach.has(wanted)
      if (reached || now() - known.reachedAt < REACH_MS) return known
    }
    const before = changes
    const found = await load(jobId)
    if (!found) return undefined
    // A job that changed while it was read may have ended: that counts, and nothing is kept.
    if (changes !== before) return isAlive(await jobs.get(jobId)) ? found : undefined
    const [oldest] = kept.keys()
    if (kept.size >= MOST_KEPT && oldest !== undefined) kept.delete(oldest)
    kept.set(jobId, found)
    return found
  }

  return {
    async make(jobId, { repository, digest }) {
      const known = await rowOf(jobId)
      if (known?.repository === repository && known.digest === digest) {
        return { user: userOfJob(jobId), password: sealer.open(known.sealedPassword, place(jobId)) }
      }
      const password = randomToken(256)
      const row = {
        ...{ repository, digest },
        sealedPassword: sealer.seal(password, place(jobId)),
        passwordDigest: digestOf(password),
        madeAt: now(),
      }
      await db.write((tx) =>
        tx
          .insert(jobCredentials)
          .values({ jobId, ...row })
          .onConflictDoUpdate({ target: jobCredentials.jobId, set: row }),
      )
      changes++
      kept.delete(jobId)
      return { user: userOfJob(jobId), password }
    },
    async judge(jobId, password, wanted) {
      const found = await find(jobId, wanted)
      if (!found || !sameDigest(digestOf(password), found.passwordDigest)) return undefined
      return found.login
    },
    alive: async (jobId, wanted) => (await find(jobId, wanted))?.login,
    changed({ id }) {
      changes++
      kept.delete(id)
    },
    async remove(jobId) {
      await db.write((tx) => tx.delete(jobCredentials).where(eq(jobCredentials.jobId, jobId)))
      changes++
      kept.delete(jobId)
    },
  }
}
