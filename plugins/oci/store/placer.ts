// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Disk, PlacedFile } from './disk.ts'

/** Writes small files, many with one order to the thread. */
export interface Placer {
  /** Resolves with false when the folder of `link` is not there: the file is. Throws `oci-disk.failed`, and ENOSPC as it comes. */
  place(file: PlacedFile): Promise<boolean>
}

/** Files of one order: bounds how long the thread keeps others waiting. */
const MOST = 64

interface Waiting {
  readonly file: PlacedFile
  readonly resolve: (linked: boolean) => void
  readonly reject: (error: unknown) => void
}

/** What comes while an order is under way goes with the next one. */
export function createPlacer(disk: Pick<Disk, 'place'>): Placer {
  const queue: Waiting[] = []
  let running = false

  const drain = async (): Promise<void> => {
    while (queue.length > 0) {
      // Each order wakes the thread: whoever comes in this turn of the event loop joins.
      await new Promise((resolve) => setImmediate(resolve))
      const group = queue.splice(0, MOST)
      try {
        const ends = await disk.place(group.map(({ file }) => file))
        for (const [at, { resolve, reject }] of group.entries()) {
          const end = ends[at]
          if (end instanceof Error) reject(end)
          else resolve(end ?? false)
        }
      } catch (error) {
        for (const { reject } of group) reject(error)
      }
    }
    running = false
  }

  return {
    place: (file) =>
      new Promise((resolve, reject) => {
        queue.push({ file, resolve, reject })
        if (running) return
        running = true
        void drain()
      }),
  }
}
