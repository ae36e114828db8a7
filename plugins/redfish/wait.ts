// SPDX-License-Identifier: AGPL-3.0-or-later
import { sleep } from '../../core/retry.ts'

/** How often and how long something is looked for. */
export interface WaitPlan {
  /** The longest pause between two looks. */
  readonly pollMs: number
  /** From the first look; at least one more look follows the last pause. */
  readonly limitMs: number
  readonly signal: AbortSignal
}

/** Waits for work that others wait for too: the signal ends the wait, not the work. */
export function waitWith<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  const onAbort = () => reject(signal.reason)
  if (signal.aborted) onAbort()
  signal.addEventListener('abort', onAbort, { once: true })
  return Promise.race([aborted, work]).finally(() => signal.removeEventListener('abort', onAbort))
}

/** Many controllers are done at once, others take minutes: the first pauses are short and each is longer. */
const FIRST_PAUSE_MS = 50
const GROWTH = 1.6

/** Looks until `look` gives something; undefined when the time is over. */
export async function waitFor<T>(
  plan: WaitPlan,
  look: () => Promise<T | undefined>,
): Promise<T | undefined> {
  // Measured on the real clock: a controller takes its time whatever ours says.
  const end = performance.now() + plan.limitMs
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs *= GROWTH) {
    const seen = await look()
    if (seen !== undefined) return seen
    const left = end - performance.now()
    if (left <= 0) return undefined
    await sleep(Math.min(pauseMs, plan.pollMs, left), plan.signal)
  }
}
