// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, test } from 'bun:test'
import { canonicalJson } from './canonical-json.ts'

const fromHex = (hex: string) => new DataView(Buffer.from(hex, 'hex').buffer).getFloat64(0)

/** RFC 8785 appendix B: IEEE 754 bits and their text. */
const numbers: readonly (readonly [bits: string, text: string])[] = [
  ['0000000000000000', '0'],
  ['8000000000000000', '0'],
  ['0000000000000001', '5e-324'],
  ['8000000000000001', '-5e-324'],
  ['7fefffffffffffff', '1.7976931348623157e+308'],
  ['ffefffffffffffff', '-1.7976931348623157e+308'],
  ['4340000000000000', '9007199254740992'],
  ['c340000000000000', '-9007199254740992'],
  ['4430000000000000', '295147905179352830000'],
  ['44b52d02c7e14af5', '9.999999999999997e+22'],
  ['44b52d02c7e14af6', '1e+23'],
  ['44b52d02c7e14af7', '1.0000000000000001e+23'],
  ['444b1ae4d6e2ef4e', '999999999999999700000'],
  ['444b1ae4d6e2ef4f', '999999999999999900000'],
  ['444b1ae4d6e2ef50', '1e+21'],
  ['3eb0c6f7a0b5ed8c', '9.999999999999997e-7'],
  ['3eb0c6f7a0b5ed8d', '0.000001'],
  ['41b3de4355555553', '333333333.3333332'],
  ['41b3de4355555554', '333333333.33333325'],
  ['41b3de4355555555', '333333333.3333333'],
  ['41b3de4355555556', '333333333.3333334'],
  ['41b3de4355555557', '333333333.33333343'],
  ['becbf647612f3696', '-0.0000033333333333333333'],
  ['43143ff3c1cb0959', '1424953923781206.2'],
]

describe('canonical JSON', () => {
  test.each(numbers)('writes the number of the bits %s as %s', (bits, text) => {
    expect(canonicalJson(fromHex(bits))).toBe(text)
  })

  test('writes the example of RFC 8785 §3.2.2 and §3.2.4', () => {
    const input = `{
      "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
      "string": "\\u20ac$\\u000F\\u000aA'\\u0042\\u0022\\u005c\\\\\\"\\/",
      "literals": [null, true, false]
    }`
    expect(canonicalJson(JSON.parse(input))).toBe(
      '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],' +
        '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
    )
  })

  test('sorts keys by UTF-16 units, as RFC 8785 §3.2.3 shows', () => {
    const input = {
      '\u20ac': 'Euro Sign',
      '\r': 'Carriage Return',
      '\ufb33': 'Hebrew Letter Dalet With Dagesh',
      '1': 'One',
      '\u{1f600}': 'Emoji: Grinning Face',
      '\u0080': 'Control',
      '\u00f6': 'Latin Small Letter O With Diaeresis',
    }
    expect(Object.values(JSON.parse(canonicalJson(input)))).toBeArrayOfSize(7)
    const keys = [...canonicalJson(input).matchAll(/"([^"]+)":"/g)].map((match) => match[1])
    expect(keys).toEqual(['\\r', '1', '\u0080', '\u00f6', '\u20ac', '\u{1f600}', '\ufb33'])
  })

  test('gives one text for one value, however it was written', () => {
    expect(canonicalJson({ b: [{ y: 1, x: undefined }], a: '' })).toBe('{"a":"","b":[{"y":1}]}')
    expect(canonicalJson({ a: '', b: [{ x: undefined, y: 1.0 }] })).toBe('{"a":"","b":[{"y":1}]}')
  })

  const loop: Record<string, unknown> = {}
  loop['again'] = loop
  test.each([
    ['a lone surrogate in a text', { a: ['\ud83d'] }, '/a/0'],
    ['a lone surrogate in a key', { '\udead': 1 }, '\udead'],
    ['not a number', { a: Number.NaN }, '/a'],
    ['infinity', [Number.POSITIVE_INFINITY], '/0'],
    ['undefined in an array', [undefined], '/0'],
    ['a big integer', { a: 1n }, '/a'],
    ['a date', { at: new Date(0) }, '/at'],
    ['a map', { m: new Map() }, '/m'],
    ['a function', { f: () => 1 }, '/f'],
    ['a loop', loop, '/again'],
  ])('refuses %s and says where', (_, value, where) => {
    const attempt = () => canonicalJson(value)
    expect(attempt).toThrow(expect.objectContaining({ code: 'json.not-canonical' }))
    expect(attempt).toThrow(where)
  })
})
