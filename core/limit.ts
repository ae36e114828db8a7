// SPDX-License-Identifier: AGPL-3.0-or-later

/** A span of time, as a signal for what must not take longer. Disposing it leaves nothing behind. */
export interface Limit extends Disposable {
  /** Aborted by any of the signals it was made of, with their reason, or when the time is up. */
  readonly signal: AbortSignal
  /** The time was up first. */
  readonly isOver: boolean
}

/**
 * Ends after `ms`, or when one of `signals` is aborted. Unlike `AbortSignal.timeout` and `any` it is
 * gone once it is disposed: those hold their timer until it fires, minutes after what they guarded.
 */
export function limit(ms: number, ...signals: readonly AbortSignal[]): Limit {
  const controller = new AbortController()
  let isOver = false
  const follow = () => controller.abort(signals.find(({ aborted }) => aborted)?.reason)
  const timer = setTimeout(() => {
    isOver = !controller.signal.aborted
    controller.abort(new DOMException('The operation timed out.', 'TimeoutError'))
  }, ms)
  timer.unref()
  for (const signal of signals) signal.addEventListener('abort', follow)
  if (signals.some(({ aborted }) => aborted)) follow()
  return {
    signal: controller.signal,
    get isOver() {
      return isOver
    },
    [Symbol.dispose]() {
      clearTimeout(timer)
      for (const signal of signals) signal.removeEventListener('abort', follow)
    },
  }
}
