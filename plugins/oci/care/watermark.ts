// SPDX-License-Identifier: AGPL-3.0-or-later
import { statfs } from 'node:fs/promises'
import { GiB, SECOND } from '../../../core/units.ts'
import { ociFaults } from '../errors.ts'

/** Bytes of a file system, and what is held back for the rest of the appliance. */
export interface DiskSpace {
  readonly totalBytes: number
  readonly freeBytes: number
  readonly reserveBytes: number
}

/** Keeps the disk from filling up: pushes end before the database and the jobs have no room. */
export interface Watermark {
  /** As it was at most a second ago. */
  space(): Promise<DiskSpace>
  /** Throws `oci.storage-full` unless so many bytes fit beside what others are still to bring. */
  admit(bytes: number): Promise<void>
  /**
   * So many bytes came. Throws `oci.storage-full` when they go beyond what was seen last: cheap enough
   * for every chunk, since the disk is looked at in the background.
   */
  came(bytes: number): void
}

const LOOK_EVERY_MS = SECOND
/** By a look that is older nobody is refused. */
const OLDEST_MS = 5 * SECOND

const sizeText = (bytes: number) => `${(bytes / GiB).toFixed(bytes < GiB ? 3 : 1)} GiB`

export interface WatermarkParts {
  readonly folder: string
  /** Held back; on a small disk a twentieth of it at most. */
  readonly reserveBytes: number
  /** Bytes that uploads under way have announced and not sent yet. */
  readonly expected: () => number
  /** Monotonic, in ms. */
  readonly clock?: () => number
}

export function createWatermark(parts: WatermarkParts): Watermark {
  const { folder, expected, clock = () => performance.now() } = parts
  let seen: { readonly at: number; readonly space: DiskSpace } | undefined
  let looking: Promise<DiskSpace> | undefined
  /** Bytes that came after the last look. */
  let comeSince = 0

  const look = async (): Promise<DiskSpace> => {
    const cameBefore = comeSince
    const { blocks, bavail, bsize } = await statfs(folder)
    const totalBytes = blocks * bsize
    const space = {
      ...{ totalBytes, freeBytes: bavail * bsize },
      reserveBytes: Math.min(parts.reserveBytes, Math.floor(totalBytes / 20)),
    }
    seen = { at: clock(), space }
    comeSince -= cameBefore
    return space
  }
  const refresh = (): Promise<DiskSpace> => {
    looking ??= look().finally(() => {
      looking = undefined
    })
    return looking
  }
  const ageMs = () => (seen === undefined ? Number.POSITIVE_INFINITY : clock() - seen.at)
  const roomIn = ({ freeBytes, reserveBytes }: DiskSpace) =>
    freeBytes - reserveBytes - expected() - comeSince

  const judge = (space: DiskSpace, bytes: number): void => {
    const room = roomIn(space)
    if (bytes <= room) return
    throw ociFaults.storageFull(
      `storage full: ${sizeText(Math.max(0, room))} can be taken and ${sizeText(bytes)} would come; ` +
        'delete what is not needed, run the garbage collection or add disk, and push again',
    )
  }

  return {
    space: async () => (ageMs() < LOOK_EVERY_MS && seen ? seen.space : refresh()),
    async admit(bytes) {
      if (ageMs() < LOOK_EVERY_MS && seen && bytes <= roomIn(seen.space)) return
      // Somebody may have made room since the last look.
      judge(await refresh(), bytes)
    },
    came(bytes) {
      comeSince += bytes
      // A disk that can not be asked is told of by the next `admit`.
      if (ageMs() >= LOOK_EVERY_MS) refresh().catch(() => undefined)
      if (seen && ageMs() < OLDEST_MS) judge(seen.space, 0)
    },
  }
}
