// SPDX-License-Identifier: AGPL-3.0-or-later
import { and, eq, like } from 'drizzle-orm'
import type { Principal } from '../../../core/auth/auth.ts'
import type { Db, Tx } from '../../../core/store/client.ts'
import { DAY, HOUR } from '../../../core/units.ts'
import type { Recipe } from '../../../schemas/recipe.ts'
import { type OciReference, parseOciReference } from '../../../schemas/recipe-oci.ts'
import { blobs, leases, manifests, repositoryBlobs, tags } from '../tables.ts'
import { accessFaults } from './access-faults.ts'
import type { PolicyJudge } from './policy.ts'

/** What a job installs: a manifest of ours. */
export interface JobImage {
  readonly repository: string
  readonly digest: string
}

/** From the check of a recipe until its job has a row; then the lease lasts as long as the job. */
const SUBMIT_MS = HOUR
const JOB_MS = 3_650 * DAY
const HOLDER = 'job:'

/** Tag of an `oci_url` that names none, as every client has it. */
const DEFAULT_TAG = 'latest'

export interface JobImages {
  /** Does the recipe name an image of this registry? */
  isOurs(recipe: Recipe): boolean
  /**
   * Pins the image of a recipe to its digest, when it is one of ours, and holds it for `jobId`.
   * Throws `oci.unknown-image`, and `oci.image-denied` when the submitter may not pull it.
   */
  pin(recipe: Recipe, by: Principal, jobId: string | undefined): Promise<Recipe>
  /** The pinned image of a recipe, held for as long as its job lives. Throws `oci.unknown-image` when it is gone. */
  hold(recipe: Recipe, jobId: string): Promise<JobImage | undefined>
  /** The job of a pinned image has its row: the image is held as long as that lives. */
  keep(jobId: string): Promise<void>
  release(jobId: string): Promise<void>
  /** Jobs that hold something. */
  holders(): Promise<readonly string[]>
}

export interface JobImageParts {
  readonly db: Db
  readonly now: () => number
  readonly judge: PolicyJudge
  /** Is this host of an `oci_url` the appliance's own registry? */
  readonly isOurs: (host: string) => boolean
}

const problem = (message: string) => ({
  details: [{ path: '/oci_url', field: 'oci_url', code: 'unknown_image', message }],
})

function unknownImage(message: string) {
  return accessFaults.unknownImage(message, problem(message))
}

/** As a recipe names it. */
const named = ({ repository, tag, digest }: OciReference) =>
  digest ? `${repository}@${digest}` : `${repository}:${tag ?? DEFAULT_TAG}`

async function digestOfTag(tx: Tx, repository: string, tag: string): Promise<string | undefined> {
  const [row] = await tx
    .select({ digest: tags.digest })
    .from(tags)
    .where(and(eq(tags.repository, repository), eq(tags.name, tag)))
  return row?.digest
}

/** Is the manifest there, and not damaged? */
async function isThere(tx: Tx, { repository, digest }: JobImage): Promise<boolean> {
  const [row] = await tx
    .select({ state: blobs.state })
    .from(manifests)
    .innerJoin(
      repositoryBlobs,
      and(
        eq(repositoryBlobs.repository, manifests.repository),
        eq(repositoryBlobs.digest, manifests.digest),
      ),
    )
    .innerJoin(blobs, eq(blobs.digest, manifests.digest))
    .where(and(eq(manifests.repository, repository), eq(manifests.digest, digest)))
  return row?.state === 'good'
}

/** What else the repository is good for, to help whoever mistyped a tag. */
async function tagsOf(tx: Tx, repository: string): Promise<string> {
  const rows = await tx
    .select({ name: tags.name })
    .from(tags)
    .where(eq(tags.repository, repository))
    .limit(6)
  const shown = rows.slice(0, 5).map(({ name }) => name)
  if (shown.length === 0) return ''
  return `; it has ${shown.join(', ')}${rows.length > shown.length ? ' …' : ''}`
}

async function lease(tx: Tx, jobId: string, image: JobImage, until: number): Promise<void> {
  const row = { ...image, holder: `${HOLDER}${jobId}`, until }
  await tx
    .insert(leases)
    .values({ id: row.holder, ...row })
    .onConflictDoUpdate({ target: leases.id, set: row })
}

/** Images of jobs in our own registry; those of others are none of ours. */
export function createJobImages({ db, now, judge, isOurs }: JobImageParts): JobImages {
  /** Undefined for what another registry has, and for recipes without an image. */
  const referenceOf = ({ oci_url: ociUrl }: Recipe): OciReference | undefined => {
    if (typeof ociUrl !== 'string') return undefined
    const reference = parseOciReference(ociUrl)
    if ('wrong' in reference) return undefined // its workflow has refused it already
    return reference.host === undefined || isOurs(reference.host) ? reference : undefined
  }

  const resolve = async (tx: Tx, reference: OciReference): Promise<JobImage> => {
    const { repository, tag, digest: given } = reference
    const digest = given ?? (await digestOfTag(tx, repository, tag ?? DEFAULT_TAG))
    if (digest !== undefined && (await isThere(tx, { repository, digest }))) {
      return { repository, digest }
    }
    throw unknownImage(
      `there is no image ${named(reference)} in this registry${await tagsOf(tx, repository)}: push it first (\`slipway oci push\`, oras, skopeo), or name another registry by host and digest`,
    )
  }

  const checkRight = (by: Principal, { repository }: OciReference): void => {
    const { name, role, groups = [] } = by
    if (judge.may({ kind: 'user', name, role, groups }, 'pull', repository)) return
    throw accessFaults.imageDenied(
      `${name} may not pull ${repository}, so no job of theirs may either: ask an admin for a policy that allows it`,
    )
  }

  return {
    isOurs: (recipe) => referenceOf(recipe) !== undefined,
    async pin(recipe, by, jobId) {
      const reference = referenceOf(recipe)
      if (!reference) return recipe
      checkRight(by, reference)
      const { repository, digest } = await db.write(async (tx) => {
        const image = await resolve(tx, reference)
        if (jobId !== undefined) await lease(tx, jobId, image, now() + SUBMIT_MS)
        return image
      })
      return { ...recipe, oci_url: `${repository}@${digest}` }
    },
    async hold(recipe, jobId) {
      const reference = referenceOf(recipe)
      if (!reference) return undefined
      return db.write(async (tx) => {
        const image = await resolve(tx, reference)
        await lease(tx, jobId, image, now() + JOB_MS)
        return image
      })
    },
    async keep(jobId) {
      const until = now() + JOB_MS
      await db.write((tx) =>
        tx
          .update(leases)
          .set({ until })
          .where(eq(leases.holder, `${HOLDER}${jobId}`)),
      )
    },
    async release(jobId) {
      await db.write((tx) => tx.delete(leases).where(eq(leases.holder, `${HOLDER}${jobId}`)))
    },
    async holders() {
      const rows = await db.read
        .select({ holder: leases.holder })
        .from(leases)
        .where(like(leases.holder, `${HOLDER}%`))
      return rows.map(({ holder }) => holder.slice(HOLDER.length))
    },
  }
}
