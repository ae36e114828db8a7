// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Disk, PlacedFile } from './disk.ts'
import { inGroups, oneTurn } from './groups.ts'

/** Writes small files, many with one order to the thread. */
export interface Placer {
  /** Resolves with false when the folder of `link` is not there: the file is. Throws `oci-disk.failed`, and ENOSPC as it comes. */
  place(file: PlacedFile): Promise<boolean>
}

/** Files of one order: bounds how long the thread keeps others waiting. */
const MOST = 64

/** Each order wakes the thread: it carries what comes in a turn of the event loop. */
export function createPlacer(disk: Pick<Disk, 'place'>): Placer {
  return { place: inGroups({ most: MOST, gather: oneTurn, work: disk.place }) }
}
