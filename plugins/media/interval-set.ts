// SPDX-License-Identifier: AGPL-3.0-or-later

/** Which bytes of an image were read. */
export interface IntervalSet {
  /** Adds the bytes from `start` up to but without `end`; says how many of them are new. */
  add(start: number, end: number): number
  /** Stretches kept apart; for tests of the bound. */
  readonly size: number
}

/**
 * Memory is bounded: above `most` stretches the two with the smallest gap between them are joined.
 * Bytes of such a gap count as seen from then on, so a total never exceeds what was really read.
 */
export function createIntervalSet(most = 4_096): IntervalSet {
  /** Sorted; neither overlapping nor touching. */
  const intervals: { start: number; end: number }[] = []

  /** Index of the first stretch that ends at or behind `at`. */
  const indexFrom = (at: number): number => {
    let low = 0
    let high = intervals.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((intervals[middle]?.end ?? 0) < at) low = middle + 1
      else high = middle
    }
    return low
  }

  const joinClosest = () => {
    let closest = { index: -1, gap: Number.POSITIVE_INFINITY, start: 0, end: 0 }
    for (const [index, { start, end }] of intervals.entries()) {
      const next = intervals[index + 1]
      if (next && next.start - end < closest.gap) {
        closest = { index, gap: next.start - end, start, end: next.end }
      }
    }
    intervals.splice(closest.index, 2, { start: closest.start, end: closest.end })
  }

  return {
    get size() {
      return intervals.length
    },
    add(start, end) {
      if (end <= start) return 0
      const index = indexFrom(start)
      const joined = { start, end }
      let known = 0
      let count = 0
      for (
        let next = intervals[index];
        next && next.start <= end;
        next = intervals[index + count]
      ) {
        known += Math.max(0, Math.min(end, next.end) - Math.max(start, next.start))
        joined.start = Math.min(joined.start, next.start)
        joined.end = Math.max(joined.end, next.end)
        count++
      }
      intervals.splice(index, count, joined)
      if (intervals.length > most) joinClosest()
      return end - start - known
    },
  }
}
