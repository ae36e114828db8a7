// SPDX-License-Identifier: AGPL-3.0-or-later
import { Fault } from './faults.ts'

/** Resolves after `ms`; rejects with the signal's reason when it is aborted first. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason)
    const onAbort = () => {
      clearTimeout(timer)
      reject(signal?.reason)
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort)
      resolve()
    }, ms)
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}

export interface RetryPlan {
  /** Attempts in all, the first included. */
  readonly attempts: number
  /** Pause after the first failure; doubles with each. */
  readonly pauseMs: number
  readonly longestPauseMs?: number
  readonly signal?: AbortSignal
  /** Which errors are worth another attempt; by default faults whose kind says so. */
  readonly again?: (error: unknown) => boolean
  readonly onRetry?: (error: unknown, attempt: number) => void
}

/** Does `work` again while it fails with something that a repetition may cure. */
export async function retry<T>(plan: RetryPlan, work: (attempt: number) => Promise<T>): Promise<T> {
  const again = plan.again ?? ((error) => error instanceof Fault && error.kind.retry)
  for (let attempt = 1; ; attempt++) {
    try {
      return await work(attempt)
    } catch (error) {
      plan.signal?.throwIfAborted()
      if (attempt >= plan.attempts || !again(error)) throw error
      plan.onRetry?.(error, attempt)
      const pause = plan.pauseMs * 2 ** (attempt - 1)
      await sleep(Math.min(pause, plan.longestPauseMs ?? 30_000), plan.signal)
    }
  }
}
