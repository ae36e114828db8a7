// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Recipe } from '../../schemas/recipe.ts'
import { digest, randomToken, type Sealer } from '../seal.ts'
import type { Job } from './job.ts'

const place = (id: string, what: string) => `job/${id}/${what}`

/** The columns of a new job that nobody may read in the database. */
export function sealSecrets(sealer: Sealer, id: string, recipe: Recipe, submitted: unknown) {
  const [token, mediaToken, bootedToken] = [randomToken(256), randomToken(128), randomToken(128)]
  const seal = (what: string, text: string) => sealer.seal(text, place(id, what))
  return {
    sealedRecipe: seal('recipe', JSON.stringify(recipe)),
    sealedSubmitted: seal('submitted', JSON.stringify(submitted)),
    sealedToken: seal('token', token),
    tokenDigest: digest(token),
    sealedMediaToken: seal('media-token', mediaToken),
    mediaTokenDigest: digest(mediaToken),
    sealedBootedToken: seal('booted-token', bootedToken),
    bootedTokenDigest: digest(bootedToken),
  }
}

/** The recipe in normal form, payloads resolved. Carries secrets. */
export const openRecipe = (sealer: Sealer, job: Job): Recipe =>
  JSON.parse(sealer.open(job.sealedRecipe, place(job.id, 'recipe')))

/** What proves on the wire that a report is of this job. */
export const openToken = (sealer: Sealer, job: Job): string =>
  sealer.open(job.sealedToken, place(job.id, 'token'))

export const openMediaToken = (sealer: Sealer, job: Job): string =>
  sealer.open(job.sealedMediaToken, place(job.id, 'media-token'))
