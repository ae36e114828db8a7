// SPDX-License-Identifier: AGPL-3.0-or-later
import { eq, sql } from 'drizzle-orm'
import * as v from 'valibot'
import { sleep } from '../../../core/retry.ts'
import { DAY, MiB, SECOND } from '../../../core/units.ts'
import type { OciCheckReport } from '../../../schemas/oci-report.ts'
import type { OciStore } from '../store.ts'
import { blobs, unverified } from '../tables.ts'
import type { Pause } from './care-pause.ts'
import { createFact } from './care-state.ts'
import type { TaskRun } from './care-tasks.ts'
import { checkLayouts, checkObject, type FsckOptions, objectsAfter, objectsOf } from './fsck.ts'
import type { Pace } from './fsck-object.ts'
import { createCheckTally } from './fsck-tally.ts'
import type { Findings } from './scrub-findings.ts'
import { fsckParts, mendingVerdicts } from './scrub-verdicts.ts'

const Position = v.object({
  /** Digest of the last object that was checked; '' at the start of a pass. */
  after: v.string(),
  checked: v.number(),
  checkedBytes: v.number(),
})
export type Position = v.InferOutput<typeof Position>

const START: Position = { after: '', checked: 0, checkedBytes: 0 }
const PAGE = 100
/** Bytes that are hashed again at most after a stop, the object that was under way apart. */
const NOTE_EVERY = 64 * MiB
/** Mended findings are told so long. */
const TOLD = 90 * DAY

/** What a scrub goes through; `new`: only what was taken over by its name. */
export type Extent = 'rest' | 'all' | 'new'

/** Hashes everything again, slowly, and goes on where it stopped. */
export interface Scrub {
  run(extent: Extent, run: TaskRun): Promise<OciCheckReport>
  position(): Position
  /** Unix ms; 0: never. */
  lastFullAt(): number
  load(): Promise<void>
}

/** Lets no more than so many bytes a second through. */
export function createPace(bytesPerSecond: number, signal: AbortSignal): Pace {
  let freeAt = performance.now()
  return async (bytes) => {
    const now = performance.now()
    freeAt = Math.max(freeAt, now) + (bytes / bytesPerSecond) * SECOND
    if (freeAt - now > 1) await sleep(freeAt - now, signal)
  }
}

export function createScrub(store: OciStore, findings: Findings, pause: Pause): Scrub {
  const position = createFact(store.db, 'scrub.position', Position, START)
  const lastFull = createFact(store.db, 'scrub.last-full', v.number(), 0)
  const parts = fsckParts(store, mendingVerdicts({ store, findings }), findings.isOpen)

  return {
    position: position.get,
    lastFullAt: lastFull.get,
    async load() {
      await Promise.all([position.load(), lastFull.load()])
    },
    async run(extent, run) {
      if (extent === 'all') await position.set(START)
      const tally = createCheckTally()
      const total = await store.db.read.$count(blobs)
      const options: FsckOptions = {
        content: true,
        pace: createPace(store.config.scrub_bytes_per_second, run.signal),
        passed: () => pause.passed(run),
      }

      /** What was taken over by its name and not looked at yet goes first. */
      const verifyNew = async (): Promise<void> => {
        const rows = await store.db.read.select().from(unverified).limit(PAGE)
        for (const row of await objectsOf(
          store,
          rows.map(({ digest }) => digest),
        )) {
          await options.passed()
          await checkObject(parts, row, options, tally)
          await store.db.write((tx) =>
            tx.delete(unverified).where(eq(unverified.digest, row.digest)),
          )
        }
        // Those that were removed meanwhile.
        await store.db.write((tx) =>
          tx
            .delete(unverified)
            .where(sql`${unverified.digest} not in (select digest from oci_blobs)`),
        )
        if (rows.length === PAGE) await verifyNew()
      }

      let owed = 0
      let bytesNoted = 0
      /** A pass that is cut off goes on behind this. */
      const note = async (after: string): Promise<void> => {
        const { checked, checkedBytes } = position.get()
        await position.set({
          after,
          checked: checked + owed,
          checkedBytes: checkedBytes + tally.bytes - bytesNoted,
        })
        owed = 0
        bytesNoted = tally.bytes
      }

      await verifyNew()
      if (extent === 'new') return tally.report()
      bytesNoted = tally.bytes
      for (;;) {
        const page = await objectsAfter(store, position.get().after)
        const last = page.at(-1)
        if (!last) break
        for (const row of page) {
          await options.passed()
          run.progress({
            done: position.get().checked + owed,
            total,
            unit: 'blobs',
            at: row.digest,
          })
          await checkObject(parts, row, options, tally)
          owed++
          if (row === last || tally.bytes - bytesNoted > NOTE_EVERY) await note(row.digest)
        }
        await verifyNew()
      }
      await checkLayouts(parts, options, tally)
      await lastFull.set(store.now())
      await position.set(START)
      await findings.prune(store.now() - TOLD)
      run.progress({ done: total, total, unit: 'blobs' })
      return tally.report()
    },
  }
}
