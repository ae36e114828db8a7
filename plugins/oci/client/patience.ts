// SPDX-License-Identifier: AGPL-3.0-or-later
import { Fault } from '../../../core/faults.ts'
import { sleep } from '../../../core/retry.ts'
import { MINUTE, SECOND } from '../../../core/units.ts'

export interface PatienceParts {
  /** Longest time without a step ahead, in ms; 5 min unless given. 0: the first failure counts. */
  readonly patienceMs?: number
  readonly signal?: AbortSignal | undefined
  /** Unix time in ms. */
  readonly now: () => number
  /** A failure that will be tried again, and the pause before that. */
  readonly onTrouble?: (fault: Fault, pauseMs: number) => void
}

/** Decides how long a transfer goes on trying. */
export interface Patience {
  /** Something got done: the time counts from here again. */
  moved(): void
  /** Pauses before the next attempt. Throws the error when it is not worth one, or enough is enough. */
  after(error: unknown): Promise<void>
}

/** Longer than a registry keeps a silent upload for its connection, or takes to boot. */
const STANDARD_MS = 5 * MINUTE
const FIRST_PAUSE_MS = 200
const LONGEST_PAUSE_MS = 5 * SECOND

export function startPatience(parts: PatienceParts): Patience {
  const { patienceMs = STANDARD_MS, signal, now, onTrouble } = parts
  let since = now()
  let failures = 0
  return {
    moved() {
      since = now()
      failures = 0
    },
    async after(error) {
      signal?.throwIfAborted()
      if (!(error instanceof Fault) || !error.kind.retry) throw error
      const doubled = Math.min(FIRST_PAUSE_MS * 2 ** failures++, LONGEST_PAUSE_MS)
      // A rack that lost its registry must not come back all at once.
      const spread = doubled * (0.75 + Math.random() / 2)
      const pauseMs = Math.max(spread, (error.retryAfterSeconds ?? 0) * SECOND)
      if (now() - since + pauseMs > patienceMs) throw error
      onTrouble?.(error, pauseMs)
      await sleep(pauseMs, signal)
    },
  }
}

/** Does a short piece of work again while that may help. */
export async function patiently<T>(parts: PatienceParts, work: () => Promise<T>): Promise<T> {
  const patience = startPatience(parts)
  for (;;) {
    try {
      return await work()
    } catch (error) {
      await patience.after(error)
    }
  }
}
