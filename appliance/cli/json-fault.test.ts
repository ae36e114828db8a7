// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { jsonFault } from './json-fault.ts'

test.each([
  ['{"a": 1}'],
  [' [true, false, null, -1.5e+3, 0, "", {}, []] \n'],
  ['"\\u00e9 \\" \\\\ 😀"'],
])('%s is JSON', (text) => {
  expect(() => JSON.parse(text)).not.toThrow()
  expect(jsonFault(text)).toBeUndefined()
})

test.each([
  ['a comma too many', '[1,\n 2,]', 2, 4],
  ['a comma too few', '{"a": 1\n"b": 2}', 2, 1],
  ['a name without quotes', '{a: 1}', 1, 2],
  ['other quotes', "{'a': 1}", 1, 2],
  ['a word', '{"a": yes}', 1, 7],
  ['a leading zero', '01', 1, 2],
  ['a line break in a text', '{"a": "x\ny"}', 1, 7],
  ['an end too early', '{"a": [1, 2', 1, 12],
  ['something after the end', '{} {}', 1, 4],
  ['nothing', '', 1, 1],
])('%s is told by its place', (_, text, line, column) => {
  expect(() => JSON.parse(text)).toThrow()
  expect(jsonFault(text)).toEqual({ line, column })
})
