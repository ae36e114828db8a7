// SPDX-License-Identifier: AGPL-3.0-or-later
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import * as v from 'valibot'
import { MiB } from '../../core/units.ts'
import { at, type MachineOs } from './machine-os.ts'

/** The file in `/run/provision` that steps append to, one JSON object a line. */
export const NEWS_FILE = 'progress.jsonl'

/** What a step tells of itself: how far it is, or why it ended. */
export const StepNews = v.object({
  /** The unit. */
  step: v.string(),
  percent: v.exactOptional(v.pipe(v.number(), v.minValue(0), v.maxValue(100))),
  bytes: v.exactOptional(v.pipe(v.number(), v.integer(), v.minValue(0))),
  total_bytes: v.exactOptional(v.pipe(v.number(), v.integer(), v.minValue(0))),
  message: v.exactOptional(v.string()),
  /** The sentence of the fault that ended it. */
  failed: v.exactOptional(v.string()),
})
export type StepNews = v.InferOutput<typeof StepNews>

/** Most that is read at once; a step that writes more is read on with the next look. */
const PIECE = MiB

/** Reads the news of the steps as they come. */
export class NewsReader {
  readonly #path: string
  #at = 0
  #rest = ''

  constructor(os: MachineOs, folder: string) {
    this.#path = join(at(os, folder), NEWS_FILE)
  }

  /** What came since the last call; lines that are none are passed over. */
  async next(): Promise<readonly StepNews[]> {
    await using file = await open(this.#path, 'r').catch(() => undefined)
    if (!file) return []
    const buffer = new Uint8Array(PIECE)
    const { bytesRead } = await file.read(buffer, 0, PIECE, this.#at)
    this.#at += bytesRead
    const rows = (this.#rest + new TextDecoder().decode(buffer.subarray(0, bytesRead))).split('\n')
    this.#rest = rows.pop() ?? ''
    return rows.flatMap((row) => {
      try {
        const news = v.safeParse(StepNews, JSON.parse(row))
        return news.success ? [news.output] : []
      } catch {
        return []
      }
    })
  }
}
