// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdtemp, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { openDb } from '../../core/store/client.ts'
import { MIGRATIONS } from '../../core/store/migrations-folder.ts'
import { writeSetting } from '../../core/store/settings.ts'

/** One figure: so many writers at once, each waiting for its commit before the next. */
export interface StoreFigure {
  readonly writers: number
  /** Writes that were answered, each of them on the disk. */
  readonly per_second: number
  readonly p99_ms: number
  /** Against a bare loop that writes 4 KiB and syncs them, one after the other, on the same disk. */
  readonly ratio: number
}

const WRITERS = [1, 20, 200]

const PAGE_BYTES = 4_096

/** Pages that the disk takes a second when each is synced alone. */
async function measureFloor(folder: string, seconds: number): Promise<number> {
  await using file = await open(join(folder, 'floor'), 'w')
  const page = new Uint8Array(PAGE_BYTES).fill(1)
  const started = performance.now()
  const end = started + seconds * 1_000
  let pages = 0
  for (; performance.now() < end; pages++) {
    await file.write(page, 0, PAGE_BYTES, pages * PAGE_BYTES)
    await file.datasync()
  }
  return pages / ((performance.now() - started) / 1_000)
}

async function measure(folder: string, writers: number, seconds: number) {
  using db = await openDb({ url: `file:${join(folder, `${writers}.db`)}` })
  await db.migrate(MIGRATIONS, 'migrations_core')
  const latencies: number[] = []
  const started = performance.now()
  const end = started + seconds * 1_000
  const writer = async (name: string) => {
    for (let round = 0; performance.now() < end; round++) {
      const before = performance.now()
      await db.write((tx) => writeSetting(tx, name, round))
      latencies.push(performance.now() - before)
      // The driver frees its statements when the event loop turns.
      if (round % 50 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
  }
  await Promise.all(Array.from({ length: writers }, (_, index) => writer(`writer-${index}`)))
  const took = (performance.now() - started) / 1_000
  latencies.sort((a, b) => a - b)
  return {
    writers,
    per_second: Math.round(latencies.length / took),
    p99_ms: Number((latencies[Math.floor(latencies.length * 0.99)] ?? 0).toFixed(1)),
  }
}

/** Durable writes through the appliance's own queue, below `parent`: a real disk, not memory. */
export async function benchStore(parent: string, seconds: number): Promise<StoreFigure[]> {
  const folder = await mkdtemp(join(parent, 'slipway-bench-'))
  try {
    const floor = await measureFloor(folder, seconds)
    const figures: StoreFigure[] = []
    for (const writers of WRITERS) {
      const figure = await measure(folder, writers, seconds)
      figures.push({ ...figure, ratio: Number((figure.per_second / floor).toFixed(2)) })
    }
    return figures
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
