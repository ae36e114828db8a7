// SPDX-License-Identifier: AGPL-3.0-or-later

export type DigestAlgorithm = 'sha256' | 'sha512'

/** `sha256:…` or `sha512:…` in lower-case hex, and nothing else. */
export type Digest = `${DigestAlgorithm}:${string}`

const HEX_LENGTH: Readonly<Record<DigestAlgorithm, number>> = { sha256: 64, sha512: 128 }

const DIGEST = /^(sha256):[0-9a-f]{64}$|^(sha512):[0-9a-f]{128}$/

/** Is this a digest that we can check? */
export const isDigest = (text: string): text is Digest => DIGEST.test(text)

/** Does this have the grammar of a digest, of whatever algorithm? */
export const looksLikeDigest = (text: string): boolean => text.includes(':')

export const isDigestAlgorithm = (text: string): text is DigestAlgorithm => text in HEX_LENGTH

export const algorithmOf = (digest: Digest): DigestAlgorithm =>
  digest.startsWith('sha256:') ? 'sha256' : 'sha512'

/** The part behind the colon. */
export const hexOf = (digest: Digest): string => digest.slice(digest.indexOf(':') + 1)

/** Of bytes that lie in memory: 1.7 GB/s for sha256, so only for small ones. */
export const digestOf = (bytes: Uint8Array, algorithm: DigestAlgorithm = 'sha256'): Digest =>
  `${algorithm}:${new Bun.CryptoHasher(algorithm).update(bytes).digest('hex')}`
