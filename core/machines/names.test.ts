// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, test } from 'bun:test'
import { isPlaceholder, sameName, spellings, stored } from './names.ts'

/** One board, as Redfish writes it and as DMI below SMBIOS 2.6 does. */
const UUID = '4c4c4544-0051-3610-8052-b4c04f333732'
const SWAPPED = '44454c4c-5100-1036-8052-b4c04f333732'

describe('placeholders', () => {
  test.each([
    '',
    '   ',
    'Unknown',
    'Not Specified',
    'To be filled by O.E.M.',
    'to be filled by o.e.m',
    '0123456789',
    'NONE',
    'Default string',
    'System Serial Number',
    'N/A',
    ' none ',
  ])('"%s" names no machine', (name) => {
    expect(isPlaceholder(name)).toBe(true)
    expect(spellings(name)).toEqual([])
    expect(sameName(name, name)).toBe(false)
  })

  test.each(['CZ1234', '01234567890', 'none-1', 'unknown7', UUID])('"%s" names one', (name) => {
    expect(isPlaceholder(name)).toBe(false)
  })
})

describe('a UUID', () => {
  test('is looked up in both byte orders', () => {
    expect(spellings(UUID)).toContain(SWAPPED)
    expect(spellings(SWAPPED)).toContain(UUID)
    expect(sameName(UUID, SWAPPED)).toBe(true)
  })

  test('is stored in lower case and found in any', () => {
    expect(stored(` ${UUID.toUpperCase()} `)).toBe(UUID)
    expect(spellings(UUID.toUpperCase())).toContain(UUID)
    expect(spellings(SWAPPED.toUpperCase())).toContain(UUID)
  })

  test('keeps its last two fields as they are', () => {
    const other = UUID.replace(/2$/, '3')
    expect(sameName(UUID, other)).toBe(false)
    expect(spellings(UUID).every((each) => each.endsWith('-8052-b4c04f333732'))).toBe(true)
  })

  test('that reads the same both ways has one spelling', () => {
    expect(spellings('11111111-2222-3333-4444-555555555555')).toHaveLength(1)
  })
})

test('a serial is trimmed and nothing else', () => {
  expect(stored('  CZJ1240AbC ')).toBe('CZJ1240AbC')
  expect(spellings('  CZJ1240AbC ')).toEqual(['CZJ1240AbC'])
})
