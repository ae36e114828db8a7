// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { dig, digText, digTexts } from './dig.ts'

const body = { Oem: { Any: { target: '/a', Members: [{ id: 7 }, 'x'], none: null } } }

test('finds what stands below names, list entries included', () => {
  expect(digText(body, 'Oem', 'Any', 'target')).toBe('/a')
  expect(dig(body, 'Oem', 'Any', 'Members', '0', 'id')).toBe(7)
  expect(digTexts(body, 'Oem', 'Any', 'Members')).toEqual(['x'])
})

test.each([
  ['nothing at all', undefined, ['Oem']],
  ['a text where an object should be', 'Oem', ['Oem']],
  ['null on the way', body, ['Oem', 'Any', 'none', 'target']],
  ['a missing name', body, ['Oem', 'Other', 'target']],
])('is undefined for %s', (_, value, names) => {
  expect(dig(value, ...names)).toBeUndefined()
  expect(digText(value, ...names)).toBeUndefined()
  expect(digTexts(value, ...names)).toEqual([])
})

test('a value of another type is no text', () => {
  expect(digText(body, 'Oem', 'Any')).toBeUndefined()
})
