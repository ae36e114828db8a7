// SPDX-License-Identifier: AGPL-3.0-or-later
import type { ByteSource } from './byte-source.ts'
import { notComposable } from './faults.ts'

/** Bytes that take the place of an image's own. */
export interface Patch {
  readonly start: number
  readonly bytes: Uint8Array
}

/** Patches that lie nearer than this become one: a segment costs more than the bytes between. */
const NEAR_BYTES = 16_384
/** What the patches of one image may come to, in bytes; real ones stay below 1 MiB. */
const LARGEST_SUM = 16 * 1_048_576

const endOf = ({ start, bytes }: Patch) => start + bytes.length

/** Sorted, and those that lie near each other joined by the image's own bytes between them. */
export async function joinPatches(
  patches: readonly Patch[],
  source: ByteSource,
): Promise<readonly Patch[]> {
  const groups: Patch[][] = []
  for (const patch of patches.toSorted((a, b) => a.start - b.start)) {
    const last = groups.at(-1)
    const before = last?.at(-1)
    if (before && patch.start < endOf(before))
      throw notComposable(`its structures overlap at byte ${patch.start}`)
    if (last && before && patch.start - endOf(before) < NEAR_BYTES) last.push(patch)
    else groups.push([patch])
  }
  const joined: Patch[] = []
  let sum = 0
  for (const group of groups) {
    const [first, last] = [group[0], group.at(-1)]
    if (!first || !last) continue
    const { start } = first
    sum += endOf(last) - start
    if (sum > LARGEST_SUM)
      throw notComposable('its directories lie too far apart to be changed in few places')
    const bytes = Uint8Array.from(await source.read(start, endOf(last) - start))
    for (const patch of group) bytes.set(patch.bytes, patch.start - start)
    joined.push({ start, bytes })
  }
  return joined
}
