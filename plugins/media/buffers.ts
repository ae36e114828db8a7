// SPDX-License-Identifier: AGPL-3.0-or-later

/** Buffers of one size that are used again: new ones wait for the collector by the hundred MiB. */
export interface Buffers {
  /** What stands in it is old. */
  take(): Uint8Array<ArrayBuffer>
  /** Nobody may use it any more. One that is never given back is only garbage. */
  give(buffer: Uint8Array<ArrayBuffer>): void
}

/** Of what is given back `mostKept` are kept, and the rest is left to the collector. */
export function createBuffers(sizeBytes: number, mostKept: number): Buffers {
  const kept: Uint8Array<ArrayBuffer>[] = []
  return {
    take: () => kept.pop() ?? new Uint8Array(sizeBytes),
    give(buffer) {
      if (kept.length < mostKept) kept.push(buffer)
    },
  }
}
