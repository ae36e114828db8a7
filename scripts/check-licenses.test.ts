// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { isCompatible } from './check-licenses.ts'

test.each([
  ['MIT', true],
  ['MIT OR GPL-2.0-only', true],
  ['GPL-2.0-only OR MIT', true],
  ['MIT AND GPL-2.0-only', false],
  ['MIT AND (CC0-1.0 OR SSPL-1.0)', true],
  ['(MIT OR Apache-2.0) AND ISC', true],
  ['(MIT', false],
  ['MIT)', false],
  ['MIT ISC', false],
  ['SEE LICENSE IN LICENSE.md', false],
  ['UNLICENSED', false],
  ['', false],
])('"%s" may be part of the product: %p', (expression, verdict) => {
  expect(isCompatible(expression)).toBe(verdict)
})
