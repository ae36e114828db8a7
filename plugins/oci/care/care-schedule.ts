// SPDX-License-Identifier: AGPL-3.0-or-later

/** Does something again and again until it is disposed. */
export interface Schedule extends Disposable {
  /** The first time after so many ms; does nothing for one that never comes. */
  start(firstMs: number): void
  /** Unix ms; undefined when it does not come by itself. */
  nextAt(): number | undefined
}

/** setTimeout takes no more than 2^31 − 1 ms; a longer wait is asked for in pieces. */
const LONGEST_MS = 2 ** 31 - 1

/** `everyMs` 0: never. `now` is Unix ms and only told; real time drives it. */
export function createSchedule(everyMs: number, work: () => void, now: () => number): Schedule {
  let timer: ReturnType<typeof setTimeout> | undefined
  let next: number | undefined

  const wait = (ms: number): void => {
    const piece = Math.min(ms, LONGEST_MS)
    timer = setTimeout(() => {
      if (ms > piece) return wait(ms - piece)
      begin(everyMs)
      work()
    }, piece)
    timer.unref()
  }
  const begin = (ms: number): void => {
    next = now() + ms
    wait(ms)
  }
  return {
    nextAt: () => next,
    start(firstMs) {
      if (everyMs > 0) begin(firstMs)
    },
    [Symbol.dispose]() {
      clearTimeout(timer)
      next = undefined
    },
  }
}
