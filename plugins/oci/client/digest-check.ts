// SPDX-License-Identifier: AGPL-3.0-or-later
import { type DigestAlgorithm, digestOf, isDigest } from '../store/digest.ts'
import { clientFaults } from './faults.ts'

/** A running hash in the algorithm of `digest`. */
export interface DigestCheck {
  update(bytes: Uint8Array): void
  /** Throws `oci-client.digest` when the bytes so far are others; `what` names them. */
  settle(what: string): void
}

const algorithmFor = (digest: string): DigestAlgorithm => {
  if (isDigest(digest)) return digest.startsWith('sha512:') ? 'sha512' : 'sha256'
  throw clientFaults.protocol(`\`${digest}\` is no digest of a kind that is known`)
}

export function checkDigest(digest: string): DigestCheck {
  const algorithm = algorithmFor(digest)
  const hash = new Bun.CryptoHasher(algorithm)
  return {
    update: (bytes) => void hash.update(bytes),
    settle(what) {
      const actual = `${algorithm}:${hash.digest('hex')}`
      if (actual === digest) return
      throw clientFaults.digest(
        `${what} has other bytes than its digest says (${actual} instead of ${digest})`,
      )
    },
  }
}

/** The digest of some bytes in the algorithm of another digest. */
export const digestLike = (bytes: Uint8Array, other: string) => digestOf(bytes, algorithmFor(other))
