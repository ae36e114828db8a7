// SPDX-License-Identifier: AGPL-3.0-or-later
/** For tests only: images made by chance, the same for the same seed. Run alone, it prints their digests. */
import type { IsoOptions } from './layout.ts'
import { temporaryFolder } from './real-tools.ts'
import { byText, type IsoContent } from './tree.ts'
import { writeIso } from './write-iso.ts'

export type Random = (below: number) => number

/** Whole numbers from a seed (mulberry32). */
export function seeded(seed: number): Random {
  let state = seed * 0x9e3779b1
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

const ALPHABET = [...'abcxyzABC019_-+ .~öß€日本語😀,;:*?()[]']

function randomName(random: Random, index: number): string {
  const longest = [4, 12, 40, 60][random(4)] ?? 4
  const length = 1 + random(longest)
  const letters = Array.from({ length }, () => ALPHABET[random(ALPHABET.length)])
  // The number keeps names apart in Joliet too.
  return `${index}${letters.join('')}`
}

function randomContent(random: Random): IsoContent {
  if (random(12) === 0) return { linkTo: `../${'up/'.repeat(random(30))}x` }
  const sizeBytes = random([10, 2_049, 9_000][random(3)] ?? 10)
  return new Uint8Array(sizeBytes).fill(random(256))
}

/** A tree of up to 40 entries, half of them bootable. */
export function randomOptions(seed: number): IsoOptions {
  const random = seeded(seed)
  const tree = new Map<string, IsoContent>()
  const directories = ['']
  for (let i = random(40); i >= 0; i -= 1) {
    const parent = directories[random(directories.length)] ?? ''
    const path = `${parent}/${randomName(random, i)}`
    if (random(4) === 0) {
      directories.push(path)
      tree.set(path, 'directory')
    } else tree.set(path, randomContent(random))
  }
  if (random(2) === 0) return { volumeId: `RANDOM_${seed}`, tree }
  tree.set('/boot.img', new Uint8Array(64 + random(9_000)).fill(random(256)))
  return {
    volumeId: `RANDOM_${seed}`,
    tree,
    modifiedAt: Date.UTC(1990 + random(60), random(12)),
    boot: { bios: { path: 'boot.img', bootInfoTable: random(2) === 0 }, efi: { path: 'boot.img' } },
  }
}

/** Digests of the images of `count` seeds; `backwards` adds the entries in the opposite order. */
export async function randomDigests(count: number, backwards: boolean): Promise<string[]> {
  await using folder = await temporaryFolder()
  const digests: string[] = []
  for (let seed = 1; seed <= count; seed += 1) {
    const options = randomOptions(seed)
    const entries = [...options.tree].sort(([a], [b]) => byText(a, b))
    const tree = new Map(backwards ? entries.reverse() : entries)
    const { sha256 } = await writeIso(`${folder.path}/x.iso`, { ...options, tree })
    digests.push(sha256)
  }
  return digests
}

if (import.meta.main) {
  const count = Number(process.argv[2])
  console.log(JSON.stringify(await randomDigests(count, true)))
}
