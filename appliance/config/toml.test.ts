// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { dotted, readToml, TomlError, writeTomlKey, writeTomlValue } from './toml.ts'

test('every key knows its place', () => {
  const { value, places } = readToml(
    'top = 1\n[a]\n  b.c = 2\n[[list]]\nx = { y = 1 }\n[[list]]\nx = 2\n',
  )
  expect(value).toEqual({ top: 1, a: { b: { c: 2 } }, list: [{ x: { y: 1 } }, { x: 2 }] })
  expect(Object.fromEntries(places)).toEqual({
    top: { line: 1, column: 1 },
    a: { line: 2, column: 2 },
    'a.b': { line: 3, column: 3 },
    'a.b.c': { line: 3, column: 3 },
    list: { line: 4, column: 3 },
    'list[0]': { line: 4, column: 3 },
    'list[0].x': { line: 5, column: 1 },
    'list[0].x.y': { line: 5, column: 7 },
    'list[1]': { line: 6, column: 3 },
    'list[1].x': { line: 7, column: 1 },
  })
})

test.each([
  ['no value', 'a = \n', 2],
  ['one key twice', 'a = 1\nb = 2\na = 3\n', 3],
  ['one table twice', '[a]\n[b]\n[a]\n', 3],
  ['an open string', 'a = "x\n', 1],
])('%s is refused with its line', (_, text, line) => {
  const error = (() => {
    try {
      return readToml(text)
    } catch (reason) {
      return reason
    }
  })()
  expect(error).toBeInstanceOf(TomlError)
  expect((error as TomlError).place.line).toBe(line)
})

test.each([
  ['text with quotes and control characters', 'a"b\\c\n\t\u0001\u007f é 😀'],
  ['numbers', [0, -1, 1.5, 1e21]],
  ['switches', [true, false]],
  ['a table', { 'a b': 'c', d: [{ e: 1 }], ü: {} }],
])('%s comes back as it was written', (_, value) => {
  expect(readToml(`v = ${writeTomlValue(value)}`).value['v']).toEqual(value)
})

test('what TOML cannot say is refused, not invented', () => {
  expect(() => writeTomlValue(null)).toThrow('null')
  expect(() => writeTomlValue([undefined])).toThrow('undefined')
})

test('keys are bare where they may be', () => {
  expect(['os-linux', 'a_1', 'a b', 'é'].map(writeTomlKey)).toEqual([
    'os-linux',
    'a_1',
    '"a b"',
    '"é"',
  ])
  expect(dotted(['a', 'b', 0, 'c'])).toBe('a.b[0].c')
})
