// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, test } from 'bun:test'
import { createIntervalSet } from './interval-set.ts'

describe('bytes that were read', () => {
  test.each<[string, readonly [start: number, end: number, fresh: number][], number]>([
    ['a first read is new', [[0, 10, 10]], 1],
    [
      'the same again is not',
      [
        [0, 10, 10],
        [0, 10, 0],
      ],
      1,
    ],
    [
      'an overlap counts what it adds',
      [
        [0, 10, 10],
        [5, 15, 5],
      ],
      1,
    ],
    [
      'neighbours become one stretch',
      [
        [0, 10, 10],
        [10, 20, 10],
      ],
      1,
    ],
    [
      'a gap keeps them apart',
      [
        [0, 10, 10],
        [11, 20, 9],
      ],
      2,
    ],
    [
      'a read over several stretches',
      [
        [0, 10, 10],
        [20, 30, 10],
        [40, 50, 10],
        [5, 45, 20],
      ],
      1,
    ],
    [
      'a read inside a stretch',
      [
        [0, 100, 100],
        [10, 20, 0],
      ],
      1,
    ],
    ['a read of nothing', [[5, 5, 0]], 0],
    [
      'before what is known',
      [
        [50, 60, 10],
        [0, 10, 10],
        [20, 30, 10],
      ],
      3,
    ],
  ])('%s', (_name, reads, size) => {
    const set = createIntervalSet()
    for (const [start, end, fresh] of reads) expect(set.add(start, end)).toBe(fresh)
    expect(set.size).toBe(size)
  })

  test('agrees with a map of single bytes over random reads', () => {
    for (let round = 0; round < 50; round++) {
      const set = createIntervalSet()
      const bytes = new Set<number>()
      for (let read = 0; read < 200; read++) {
        const start = Math.floor(Math.random() * 500)
        const end = start + Math.floor(Math.random() * 20)
        const before = bytes.size
        for (let at = start; at < end; at++) bytes.add(at)
        expect(set.add(start, end)).toBe(bytes.size - before)
      }
    }
  })

  test('above its bound it joins the closest two, and never counts more than was read', () => {
    const set = createIntervalSet(3)
    expect([set.add(0, 10), set.add(100, 110), set.add(113, 120), set.add(500, 510)]).toEqual([
      10, 10, 7, 10,
    ])
    expect(set.size).toBe(3)
    expect(set.add(110, 113)).toBe(0)
    expect(set.add(10, 20)).toBe(10)
  })

  test('many scattered reads stay within the bound and are quick', () => {
    const set = createIntervalSet(256)
    const begun = performance.now()
    let total = 0
    for (let read = 0; read < 200_000; read++) {
      const start = Math.floor(Math.random() * 2_000_000) * 2_048
      total += set.add(start, start + 2_048)
    }
    expect(set.size).toBeLessThanOrEqual(256)
    expect(total).toBeLessThanOrEqual(200_000 * 2_048)
    expect(performance.now() - begun).toBeLessThan(2_000)
  })
})
