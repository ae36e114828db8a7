// SPDX-License-Identifier: AGPL-3.0-or-later
import { digest } from '../seal.ts'
import type { Db } from '../store/client.ts'
import { findJobByDigest } from '../store/jobs.ts'

/** Whose image a controller shows. */
export type ImageOwner = 'ours' | 'another-appliance' | 'other'

const MEDIA_PATH = /\/media\/t\/([^/?\s]+)\//

/** Image URLs as controllers echo them may lack the port (xFusion 3.08) or the scheme. */
const hostOf = (imageUrl: string): string =>
  /^(?:[a-z]+:)?\/\/(\[[^\]]+\]|[^/:]+)/i.exec(imageUrl)?.[1]?.replace(/^\[|\]$/g, '') ?? ''

/**
 * An image under `/media/t/` is ours by its token or by its address; with neither it is another
 * appliance's, and ejecting it would pull the medium from under a machine at work.
 */
export async function ownerOf(
  db: Db,
  imageUrl: string,
  ownAddresses: readonly string[],
): Promise<ImageOwner> {
  const token = MEDIA_PATH.exec(imageUrl)?.[1]
  if (!token) return 'other'
  if (await findJobByDigest(db.read, 'mediaTokenDigest', digest(token))) return 'ours'
  return ownAddresses.includes(hostOf(imageUrl)) ? 'ours' : 'another-appliance'
}

export const imageHost = hostOf
