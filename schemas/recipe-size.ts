// SPDX-License-Identifier: AGPL-3.0-or-later
import { plainWord } from './rules.ts'

/** A fixed size or a share; a bare letter is binary, as sgdisk reads it. */
export const Size = plainWord(
  /^([1-9][0-9]?%|100%|[1-9][0-9]*([KMGTP](iB|B)?|B))$/,
  'must be like 512MiB, 20GB or 100%',
)

/** A fixed size, for what a disk must have. */
export const FixedSize = plainWord(/^[1-9][0-9]*([KMGTP](iB|B)?|B)$/, 'must be like 512MiB or 20GB')

/** What a size means: a number of bytes, or a share in percent of what is left. */
export type SizeMeaning = { readonly bytes: bigint } | { readonly percent: number }

const POWERS = { K: 1n, M: 2n, G: 3n, T: 4n, P: 5n } as const

/** Reads a text that matches `Size`; throws on any other. `KB` is decimal, `K` and `KiB` are binary. */
export function parseSize(size: string): SizeMeaning {
  const share = /^([0-9]+)%$/.exec(size)
  if (share) return { percent: Number(share[1]) }
  const fixed = /^([0-9]+)(?:([KMGTP])(iB|B)?|B)$/.exec(size)
  if (!fixed?.[1]) throw new TypeError(`not a size: ${size}`)
  const letter = fixed[2] as keyof typeof POWERS | undefined
  const base = fixed[3] === 'B' ? 1_000n : 1_024n
  return { bytes: BigInt(fixed[1]) * (letter ? base ** POWERS[letter] : 1n) }
}

/** Bytes of a fixed size; a share counts as nothing. */
export function sizeBytes(size: string): bigint {
  const meaning = parseSize(size)
  return 'bytes' in meaning ? meaning.bytes : 0n
}
