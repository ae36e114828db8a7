// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { isOlder } from './versions.ts'

test.each([
  ['6.00.02', '6.00.02.00', false],
  ['6.00.01.99', '6.00.02', true],
  ['10.0', '9.9', false],
  ['', '6.00.02', true],
])('%s is older than %s: %p', (version, than, older) => {
  expect(isOlder(version, than)).toBe(older)
})
