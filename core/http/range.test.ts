// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, test } from 'bun:test'
import { contentRange, parseRange } from './range.ts'

const pairs = (header: string | undefined, sizeBytes: number) => {
  const asked = parseRange(header, sizeBytes)
  return typeof asked === 'string' ? asked : asked.map(({ start, end }) => [start, end])
}

describe('parseRange', () => {
  test.each<[string, string | undefined, number, ReturnType<typeof pairs>]>([
    ['no header is the whole body', undefined, 100, 'whole'],
    ['a first and a last byte, both included', 'bytes=0-9', 100, [[0, 10]]],
    ['one byte', 'bytes=99-99', 100, [[99, 100]]],
    ['an open end', 'bytes=90-', 100, [[90, 100]]],
    ['an end behind the end is cut', 'bytes=90-4000', 100, [[90, 100]]],
    [
      'a last byte beyond every integer is cut',
      'bytes=90-99999999999999999999999',
      100,
      [[90, 100]],
    ],
    ['a suffix', 'bytes=-10', 100, [[90, 100]]],
    ['a suffix longer than the body is the body', 'bytes=-500', 100, [[0, 100]]],
    ['a suffix of nothing', 'bytes=-0', 100, 'unsatisfiable'],
    ['a start at the end', 'bytes=100-', 100, 'unsatisfiable'],
    ['a start beyond every integer', 'bytes=99999999999999999999999-', 100, 'unsatisfiable'],
    ['anything of an empty body', 'bytes=0-', 0, 'unsatisfiable'],
    ['a suffix of an empty body', 'bytes=-5', 0, 'unsatisfiable'],
    [
      'several, in the order asked for',
      'bytes=50-59,0-9',
      100,
      [
        [50, 60],
        [0, 10],
      ],
    ],
    [
      'white space and empty elements',
      ' bytes = 0-9 ,, 20-29 ,',
      100,
      [
        [0, 10],
        [20, 30],
      ],
    ],
    ['the unit in capitals', 'BYTES=0-9', 100, [[0, 10]]],
    ['overlapping ones become one', 'bytes=0-59,40-79', 100, [[0, 80]]],
    ['touching ones become one', 'bytes=10-19,0-9', 100, [[0, 20]]],
    ['one inside another', 'bytes=0-99,10-19', 100, [[0, 100]]],
    [
      'merged ones are sorted',
      'bytes=80-89,0-9,5-19',
      100,
      [
        [0, 20],
        [80, 90],
      ],
    ],
    ['what lies outside is left out', 'bytes=0-9,200-299', 100, [[0, 10]]],
    ['all outside', 'bytes=200-299,300-', 100, 'unsatisfiable'],
    ['last before first makes the list invalid', 'bytes=0-9,50-40', 100, 'whole'],
    ['another unit', 'sectors=0-9', 100, 'whole'],
    ['no unit', '0-9', 100, 'whole'],
    ['no bytes named', 'bytes=', 100, 'whole'],
    ['only commas', 'bytes=,,', 100, 'whole'],
    ['a bare dash', 'bytes=-', 100, 'whole'],
    ['a negative start', 'bytes=-5-9', 100, 'whole'],
    ['signs', 'bytes=+1-9', 100, 'whole'],
    ['hexadecimal', 'bytes=0x0-0x9', 100, 'whole'],
    ['words', 'bytes=first-last', 100, 'whole'],
    ['a fraction', 'bytes=0.5-9', 100, 'whole'],
    [
      '64 of them',
      `bytes=${Array.from({ length: 64 }, (_, i) => `${2 * i}-${2 * i}`)}`,
      1,
      [[0, 1]],
    ],
    [
      '65 of them',
      `bytes=${Array.from({ length: 65 }, (_, i) => `${2 * i}-${2 * i}`)}`,
      1000,
      'unsatisfiable',
    ],
  ])('%s', (_name, header, sizeBytes, expected) => {
    expect(pairs(header, sizeBytes)).toEqual(expected)
  })

  test('every answer lies inside the body, is not empty and names exactly the bytes asked for', () => {
    const size = 50
    for (let round = 0; round < 2_000; round++) {
      const asked = new Set<number>()
      const specs = Array.from({ length: 1 + (round % 4) }, () => {
        const first = Math.floor(Math.random() * 70)
        const last = first + Math.floor(Math.random() * 20)
        for (let at = first; at <= last && at < size; at++) asked.add(at)
        return `${first}-${last}`
      })
      const given = parseRange(`bytes=${specs}`, size)
      const got: number[] = []
      if (typeof given !== 'string') {
        for (const { start, end } of given) for (let at = start; at < end; at++) got.push(at)
      }
      expect(got.toSorted((a, b) => a - b)).toEqual([...asked].toSorted((a, b) => a - b))
      expect(given === 'unsatisfiable').toBe(asked.size === 0)
    }
  })

  test('a header as long as a header may be is judged at once', () => {
    const begun = performance.now()
    parseRange(`bytes=${'0-'.repeat(8_000)}`, 100)
    parseRange(`bytes=${' '.repeat(16_000)}x`, 100)
    parseRange(`${' '.repeat(16_000)}bytes`, 100)
    expect(performance.now() - begun).toBeLessThan(100)
  })
})

test('Content-Range names the last byte, and the size alone when nothing fits', () => {
  expect(contentRange({ start: 0, end: 10 }, 100)).toBe('bytes 0-9/100')
  expect(contentRange(undefined, 100)).toBe('bytes */100')
})
