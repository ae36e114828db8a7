// SPDX-License-Identifier: AGPL-3.0-or-later
import { readFile } from 'node:fs/promises'
import { MiB } from '../../../core/units.ts'
import type { Disk } from './disk.ts'

/** A shorter answer is sent before a thread could help. */
const LEAST = 8 * MiB
/** Of the memory that is free for the page cache. */
const SHARE = 0.25

/**
 * Reads a blob into the page cache ahead of who pulls it. The kernel's own reading ahead is made for
 * small windows: a cold pull runs at a third of the disk's speed, and its reads hold the event loop.
 */
export interface ReadAhead {
  /** Somebody is about to read these bytes of the file. */
  begin(path: string, start: number, end: number): void
}

async function availableBytes(): Promise<number> {
  const text = await readFile('/proc/meminfo', 'utf8').catch(() => '')
  return Number(/^MemAvailable:\s+(\d+) kB/m.exec(text)?.[1] ?? 0) * 1_024
}

export function createReadAhead(disk: Pick<Disk, 'readAhead'>): ReadAhead {
  /** Many clients fetch parts of one blob: it is read ahead once at a time. */
  const underWay = new Set<string>()

  const read = async (path: string, start: number, end: number): Promise<void> => {
    // What does not fit would push out what was read before it is sent.
    const most = (await availableBytes()) * SHARE
    await disk.readAhead(path, start, Math.min(end, start + most))
  }
  return {
    begin(path, start, end) {
      if (end - start < LEAST || underWay.has(path)) return
      underWay.add(path)
      const over = () => underWay.delete(path)
      // A file that is not there, say: whoever sends it meets the same.
      read(path, start, end).then(over, over)
    },
  }
}
