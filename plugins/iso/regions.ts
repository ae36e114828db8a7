// SPDX-License-Identifier: AGPL-3.0-or-later
import type { MediaRegion } from '../../core/media.ts'
import { type BootEntry, VIRTUAL_SECTOR } from './boot-catalog.ts'
import type { ByteSource } from './byte-source.ts'
import type { IsoEntry } from './iso-reader.ts'
import { type IsoImage, openIso } from './open-iso.ts'
import { roundUp, SECTOR } from './sector.ts'
import type { Extent } from './volume.ts'

/** Named stretches; with the gaps between them this keeps the list below 200. */
const MOST_NAMED = 50

/** What a file is to a booting machine, by its name. First match wins. */
const ROLES: readonly (readonly [role: string, name: RegExp])[] = [
  ['kernel', /^(vmlinu[xz]|bzimage|linux$|kernel$)/i],
  ['initrd', /^(initrd|initramfs)/i],
  ['root file system', /\.(squashfs|sfs|erofs)$|^(squashfs|rootfs|root|filesystem)\.img$/i],
]

/** Files of a task ISO, told by their own names. */
const TASK_FILES = new Set(['job.json', 'recipe.json', 'recipe.schema.json'])

/** Names of regions that every image has. */
export const DIRECTORIES = 'directories'
export const DESCRIPTORS = 'volume descriptor'

const isFile = ({ kind }: IsoEntry) => kind === 'file'

const baseName = (path: string) => path.slice(path.lastIndexOf('/') + 1)

function roleOf({ path, kind }: IsoEntry): string | undefined {
  if (kind === 'directory') return DIRECTORIES
  const name = baseName(path)
  if (TASK_FILES.has(name)) return name
  return ROLES.find(([, pattern]) => pattern.test(name))?.[0]
}

const BOOT_NAMES = { bios: 'BIOS boot image', efi: 'EFI image', other: 'boot image' } as const

/** A boot image: the file that stands there, else what its entry says. */
function bootImage(
  { platform, lba, sectors }: BootEntry,
  filesByStart: ReadonlyMap<number, IsoEntry>,
): MediaRegion {
  const start = lba * SECTOR
  // 0 and 1 mean "up to the end" to UEFI (UEFI §13.3.2.1); the first sector is enough to tell a boot.
  const length = filesByStart.get(start)?.sizeBytes ?? Math.max(sectors, 1) * VIRTUAL_SECTOR
  return { name: BOOT_NAMES[platform], start, length }
}

/** Named regions in order of precedence: where two overlap, the first keeps the bytes. */
function namedRegions(image: IsoImage, entries: readonly IsoEntry[]): MediaRegion[] {
  const { boot, descriptors, pathTable, root, jolietRoot } = image
  const filesByStart = new Map(entries.map((entry) => [entry.extents[0]?.start ?? -1, entry]))
  const roles = entries.flatMap((entry) => {
    const name = roleOf(entry)
    return name === undefined ? [] : entry.extents.map((extent) => ({ name, ...extent }))
  })
  const ofFiles = roles.filter(({ name }) => name !== DIRECTORIES)
  const ofDirectories = roles.filter(({ name }) => name === DIRECTORIES)
  return [
    { name: DESCRIPTORS, ...descriptors },
    ...(boot ? [{ name: 'boot catalog', start: boot.lba * SECTOR, length: SECTOR }] : []),
    ...(boot?.entries ?? []).map((entry) => bootImage(entry, filesByStart)),
    ...ofFiles,
    { name: DIRECTORIES, ...pathTable },
    { name: DIRECTORIES, ...root },
    ...(jolietRoot ? [{ name: DIRECTORIES, ...jolietRoot }] : []),
    ...joinNeighbours(ofDirectories),
  ]
}

const byStart = (a: Extent, b: Extent) => a.start - b.start
const endOf = ({ start, length }: Extent) => start + length

/** One region for those of a name that touch. */
function joinNeighbours(regions: readonly MediaRegion[]): MediaRegion[] {
  const joined: MediaRegion[] = []
  for (const region of regions.toSorted(byStart)) {
    const last = joined.at(-1)
    if (last && last.name === region.name && region.start <= endOf(last)) {
      const end = Math.max(endOf(last), endOf(region))
      joined[joined.length - 1] = { ...last, length: end - last.start }
    } else joined.push(region)
  }
  return joined
}

/** The stretches of `region` that none of `taken` (sorted, not overlapping) covers. */
function uncovered(region: MediaRegion, taken: readonly MediaRegion[]): MediaRegion[] {
  const free: MediaRegion[] = []
  let at = region.start
  for (const other of taken) {
    const gap = Math.min(other.start, endOf(region)) - at
    if (gap > 0) free.push({ name: region.name, start: at, length: gap })
    at = Math.max(at, endOf(other))
  }
  const rest = endOf(region) - at
  return rest > 0 ? [...free, { name: region.name, start: at, length: rest }] : free
}

/** One `files` region in each gap between named ones, from the first file there to the last. */
function filesBetween(
  named: readonly MediaRegion[],
  extents: readonly Extent[],
  sizeBytes: number,
): MediaRegion[] {
  const files: MediaRegion[] = []
  let next = 0
  const gaps = uncovered({ name: 'files', start: 0, length: sizeBytes }, named)
  for (const gap of gaps) {
    let start = Number.POSITIVE_INFINITY
    let end = 0
    for (; next < extents.length; next += 1) {
      const extent = extents[next]
      if (!extent || extent.start >= endOf(gap)) break
      const clippedStart = Math.max(extent.start, gap.start)
      const clippedEnd = Math.min(endOf(extent), endOf(gap))
      if (clippedStart >= clippedEnd) continue
      start = Math.min(start, clippedStart)
      end = Math.max(end, clippedEnd)
    }
    if (start < end) files.push({ name: 'files', start, length: end - start })
  }
  return files
}

/** Stretches of an image that tell how far a machine came when it reads them: sorted, not overlapping, about 200 at most. */
export async function isoRegions(source: ByteSource): Promise<MediaRegion[]> {
  const image = await openIso(source)
  const entries = await image.list()
  /** Readers ask for whole sectors; the last one of the image may be short. */
  const whole = ({ start, length }: Extent): Extent => ({
    start,
    length: Math.max(0, Math.min(roundUp(length), source.sizeBytes - start)),
  })
  let named: MediaRegion[] = []
  for (const region of namedRegions(image, entries).slice(0, MOST_NAMED)) {
    const free = uncovered({ name: region.name, ...whole(region) }, named)
    named = joinNeighbours([...named, ...free])
  }
  const extents = entries.filter(isFile).flatMap((entry) => entry.extents.map(whole))
  const files = filesBetween(named, extents.toSorted(byStart), source.sizeBytes)
  return [...named, ...files].toSorted(byStart)
}
