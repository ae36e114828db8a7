// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdtemp, rm } from 'node:fs/promises'
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
}

const WRITERS = [1, 20, 200]

async function measure(folder: string, writers: number, seconds: number): Promise<StoreFigure> {
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
    const figures: StoreFigure[] = []
    for (const writers of WRITERS) figures.push(await measure(folder, writers, seconds))
    return figures
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
