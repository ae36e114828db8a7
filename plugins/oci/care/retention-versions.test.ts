// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { compareVersions, versionOf } from './retention-versions.ts'

// The order of SemVer 2.0.0, section 11.
const ORDER = [
  ...['0.9', '1.0.0-alpha', '1.0.0-alpha.1', '1.0.0-alpha.beta', '1.0.0-beta', '1.0.0-beta.2'],
  ...['1.0.0-beta.11', '1.0.0-rc.1', '1.0.0', 'v1.2', '1.10', '2', '2.0.1', '20261129'],
]

test('versions stand in the order of SemVer', () => {
  const sorted = ORDER.toReversed().toSorted((a, b) => {
    const [left, right] = [versionOf(a), versionOf(b)]
    if (!left || !right) throw new Error(`${a} or ${b} is no version`)
    return compareVersions(left, right)
  })
  expect(sorted).toEqual(ORDER)
})

test.each(['latest', '1.2.3.4', '01.2', 'v', '1.0.0-', '1.0.0-a..b', 'release-1.2'])(
  'the tag %s names no version',
  (tag) => {
    expect(versionOf(tag)).toBeUndefined()
  },
)

test('long numbers are compared by their value', () => {
  const [a, b] = [versionOf('1.0.0-999999999999999999'), versionOf('1.0.0-1000000000000000000')]
  expect(a && b && compareVersions(a, b)).toBe(-1)
})
