// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, test } from 'bun:test'
import { checkName, jolietName, PlainNames, ucs2 } from './names.ts'

describe('names that an image can not hold', () => {
  test.each([
    ['empty', ''],
    ['the directory itself', '.'],
    ['the directory above', '..'],
    ['a slash', 'a/b'],
    ['NUL', 'a\0b'],
    ['a line break', 'a\nb'],
    ['an escape sequence', '\u001b[2J'],
    ['a C1 control character', 'a\u0085b'],
    ['delete', 'a\u007f'],
    ['half a surrogate pair', 'a\ud83d'],
    ['254 bytes', 'a'.repeat(254)],
    ['127 characters of 254 bytes', 'ö'.repeat(127)],
  ])('%s is refused', (_, name) => {
    expect(() => checkName(name, `/${name}`)).toThrow(expect.objectContaining({ code: 'iso.name' }))
  })

  test.each(['a', '...', '.a', 'ö', ' ', 'a'.repeat(253), '😀', '-rf', 'a\\b'])(
    '%p is taken',
    (name) => expect(() => checkName(name, name)).not.toThrow(),
  )
})

describe('plain names', () => {
  test.each([
    ['recipe.json', 'RECIPE.JSON;1'],
    ['recipe.schema.json', 'RECIPE_SCHEMA.JSON;1'],
    ['README', 'README.;1'],
    ['.hidden', '_HIDDEN.;1'],
    ['ends.', 'ENDS.;1'],
    ['größe.txt', 'GR__E.TXT;1'],
    ['an-extension.which-is-too-long', 'AN_EXTENSION_WHICH_IS_TOO_LONG.;1'],
    [`${'x'.repeat(40)}.img`, `${'X'.repeat(27)}.IMG;1`],
  ])('of the file %s is %s', (name, identifier) => {
    expect(new PlainNames().identify(name, 'file').text).toBe(identifier)
  })

  test('of a directory has no version and up to 31 characters', () => {
    const names = new PlainNames()
    expect(names.identify('conf.d', 'directory').text).toBe('CONF_D')
    expect(names.identify('d'.repeat(40), 'directory').text).toBe('D'.repeat(31))
  })

  test('that collide are numbered, each once, and stay within the limits', () => {
    const names = new PlainNames()
    const given = Array.from({ length: 3_000 }, (_, i) => `${'long'.repeat(10)}-${i}.dat`)
    const texts = given.map((name) => names.identify(name, 'file').text)
    expect(new Set(texts).size).toBe(given.length)
    expect(Math.max(...texts.map((text) => text.length))).toBe(33)
    expect(names.identify('A', 'file').text).toBe('A.;1')
    expect(names.identify('a', 'directory').text).toBe('A_1')
    expect(names.identify('a', 'file').text).toBe('A_2.;1')
  })

  test('are ordered by name, then extension, as filled with spaces', () => {
    const names = new PlainNames()
    const orders = ['a.b', 'a.0', 'a', 'a_b', 'a1'].map((name) => ({
      name,
      ...names.identify(name, 'file'),
    }))
    orders.sort((x, y) => (x.order < y.order ? -1 : 1))
    expect(orders.map(({ name }) => name)).toEqual(['a', 'a.0', 'a.b', 'a1', 'a_b'])
  })
})

describe('Joliet names', () => {
  test.each([
    ['plain.txt', 'plain.txt'],
    ['Grüße 日本', 'Grüße 日本'],
    ['what?*:;\\.txt', 'what_____.txt'],
    ['😀.txt', '_.txt'],
    [`${'n'.repeat(100)}.json`, `${'n'.repeat(59)}.json`],
    ['m'.repeat(65), 'm'.repeat(64)],
  ])('of %s is %s', (name, joliet) => {
    expect(jolietName(name)).toBe(joliet)
  })

  test('are written in UCS-2, big-endian', () => {
    expect(ucs2('A€')).toEqual(Uint8Array.of(0, 0x41, 0x20, 0xac))
  })
})
