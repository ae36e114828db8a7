// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Recipe } from '../../schemas/recipe.ts'
import { digest, randomToken, type Sealer } from '../seal.ts'
import type { JobDocuments } from '../store/jobs.ts'
import type { Job } from './job.ts'

const place = (id: string, what: string) => `job/${id}/${what}`

/** The tokens of a new job: only their digests can be looked up in the database. */
export function sealTokens(sealer: Sealer, id: string) {
  const [token, mediaToken, bootedToken] = [randomToken(256), randomToken(128), randomToken(128)]
  const seal = (what: string, text: string) => sealer.seal(text, place(id, what))
  return {
    sealedToken: seal('token', token),
    tokenDigest: digest(token),
    sealedMediaToken: seal('media-token', mediaToken),
    mediaTokenDigest: digest(mediaToken),
    sealedBootedToken: seal('booted-token', bootedToken),
    bootedTokenDigest: digest(bootedToken),
  }
}

/** The recipe in normal form and as it came, which nobody may read in the database. */
export const sealRecipe = (sealer: Sealer, id: string, recipe: Recipe, submitted: unknown) => ({
  sealedRecipe: sealer.seal(JSON.stringify(recipe), place(id, 'recipe')),
  sealedSubmitted: sealer.seal(JSON.stringify(submitted), place(id, 'submitted')),
})

/** The recipe in normal form, payloads resolved. Carries secrets. */
export const openRecipe = (
  sealer: Sealer,
  { jobId, sealedRecipe }: Pick<JobDocuments, 'jobId' | 'sealedRecipe'>,
): Recipe => JSON.parse(sealer.open(sealedRecipe, place(jobId, 'recipe')))

/** What proves on the wire that a report is of this job. */
export const openToken = (sealer: Sealer, job: Job): string =>
  sealer.open(job.sealedToken, place(job.id, 'token'))

export const openMediaToken = (sealer: Sealer, job: Job): string =>
  sealer.open(job.sealedMediaToken, place(job.id, 'media-token'))

/** Opens nothing but the one call of the installed system. */
export const openBootedToken = (sealer: Sealer, job: Job): string =>
  sealer.open(job.sealedBootedToken, place(job.id, 'booted-token'))
