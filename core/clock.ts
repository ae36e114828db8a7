// SPDX-License-Identifier: AGPL-3.0-or-later
import { SECOND } from './units.ts'

/** What is less is the clock's own drift and its slow correction (NTP slews by half a millisecond a second). */
const LEAST_STEP_MS = 5 * SECOND

/** Two clocks: one that people set, and one that nobody can. */
export interface Clocks {
  /** Unix ms. */
  readonly now: () => number
  /** Steady ms from anywhere on. */
  readonly uptime: () => number
}

/**
 * Says by how many ms the clock was set since it was last asked: forward above 0, back below it, 0
 * when it was not. A box that slept has been set forward, too.
 */
export function createClockWatch({ now, uptime }: Clocks): () => number {
  let distance = now() - uptime()
  return () => {
    const step = now() - uptime() - distance
    if (Math.abs(step) < LEAST_STEP_MS) return 0
    distance += step
    return step
  }
}
