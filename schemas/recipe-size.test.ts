// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import * as v from 'valibot'
import { parseSize, Size, sizeBytes } from './recipe-size.ts'

test.each([
  ['1B', 1n],
  ['512K', 512n * 1_024n],
  ['512KiB', 512n * 1_024n],
  ['512KB', 512_000n],
  ['1M', 1_048_576n],
  ['20GB', 20_000_000_000n],
  ['20GiB', 21_474_836_480n],
  ['3T', 3n * 1_024n ** 4n],
  ['3TB', 3_000_000_000_000n],
  ['2PB', 2n * 1_000n ** 5n],
  ['9999999999999999999P', 9_999_999_999_999_999_999n * 1_024n ** 5n],
])('%s is %p bytes', (size, bytes) => {
  expect(parseSize(size)).toEqual({ bytes })
  expect(sizeBytes(size)).toBe(bytes)
})

test.each([
  ['1%', 1],
  ['99%', 99],
  ['100%', 100],
])('%s is a share of %p percent', (size, percent) => {
  expect(parseSize(size)).toEqual({ percent })
  expect(sizeBytes(size)).toBe(0n)
})

test('what is no size is told with an example and what came', () => {
  const result = v.safeParse(Size, '20 gb\n')
  expect(result.issues?.[0].message).toBe('must be like 512MiB, 20GB or 100%, not "20 gb?"')
  expect(() => parseSize('20 GB')).toThrow(TypeError)
})
