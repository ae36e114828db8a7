// SPDX-License-Identifier: AGPL-3.0-or-later

/** Choices that are the same for the same seed, whatever the machine. */
export interface Chance {
  /** 0 up to 1, without 1. */
  float(): number
  /** 0 up to `below`, without it. */
  int(below: number): number
  /** True once in `times`. */
  once(times: number): boolean
  pick<T>(among: readonly T[]): T
  bytes(length: number): Uint8Array<ArrayBuffer>
}

/** Mulberry32: small, and good enough to choose mutations. */
export function createChance(seed: number): Chance {
  let state = seed >>> 0
  const float = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const int = (below: number) => Math.floor(float() * below)
  return {
    float,
    int,
    once: (times) => int(times) === 0,
    pick(among) {
      if (among.length === 0) throw new Error('there is nothing to pick from')
      return among[int(among.length)] as (typeof among)[number]
    },
    bytes: (length) => Uint8Array.from({ length }, () => int(256)),
  }
}
