// SPDX-License-Identifier: AGPL-3.0-or-later
import { readPrivateFile, writePrivateFile } from '../private-file.ts'
import { digest, randomToken, sameDigest } from '../seal.ts'
import { authFaults } from './faults.ts'

/** A token that people wrote by hand must have at least this many characters. */
const SHORTEST = 32

/** The one token that is always there; whoever may read its file is admin. */
export interface AdminToken {
  /** Where it lies. The token itself is not kept in memory. */
  readonly path: string
  /** True when there was none before. */
  readonly made: boolean
  /** Another one for each token; says nothing about it. */
  readonly epoch: string
  matches(token: string): boolean
}

/**
 * Reads the admin token, or makes one of 256 random bits (0600) when the file is not there.
 * Removing the file and starting again replaces it.
 */
export async function openAdminToken(path: string): Promise<AdminToken> {
  const kept = (await readPrivateFile(path))?.toString('utf8').trim()
  if (kept !== undefined && (kept.length < SHORTEST || /\s/.test(kept))) {
    throw authFaults.config(
      `${path} holds no token of ${SHORTEST} characters or more: remove it and start again, and a new one is made`,
    )
  }
  const token = kept ?? randomToken(256)
  if (kept === undefined) await writePrivateFile(path, `${token}\n`)
  const ours = digest(token)
  return {
    path,
    made: kept === undefined,
    epoch: digest(`epoch of ${token}`).slice(0, 16),
    matches: (given) => sameDigest(digest(given), ours),
  }
}
