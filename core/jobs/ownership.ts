// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Addresses } from '../addresses.ts'
import { digest } from '../seal.ts'
import type { Db } from '../store/client.ts'
import { findJobByDigest } from '../store/jobs.ts'

/** Whose image a controller shows. */
export type ImageOwner = 'ours' | 'another-appliance' | 'other'

const MEDIA_PATH = /\/media\/t\/([^/?\s]+)\//

/**
 * The host in its one normal form, or '' when there is none. Image URLs as controllers echo them may
 * lack the port (xFusion 3.08) or the scheme.
 */
function hostOf(imageUrl: string): string {
  const bare = imageUrl.replace(/^(?:[a-z][a-z\d+.-]*:)?\/\//i, '')
  return (URL.parse(`http://${bare}`)?.hostname ?? '').replace(/^\[|\]$/g, '')
}

/**
 * An image under `/media/t/` is ours by its token or by its address; with neither it is another
 * appliance's, and ejecting it would pull the medium from under a machine at work.
 */
export async function ownerOf(
  db: Db,
  imageUrl: string,
  own: readonly string[],
): Promise<ImageOwner> {
  const token = MEDIA_PATH.exec(imageUrl)?.[1]
  if (!token) return 'other'
  if (await findJobByDigest(db.read, 'mediaTokenDigest', digest(token))) return 'ours'
  return own.includes(hostOf(imageUrl)) ? 'ours' : 'another-appliance'
}

export const imageHost = hostOf

/** Where an image of ours may say that it comes from. */
export const ownHosts = (addresses: Addresses): readonly string[] => [
  ...addresses.own(),
  ...addresses.names(),
]
