// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { parseChallenges } from './challenge.ts'
import { mergeScopes } from './scope.ts'

const BEARER = {
  scheme: 'bearer',
  parameters: { realm: 'https://a/token', service: 'a', scope: 'repository:x:pull,push' },
}
const BASIC = { scheme: 'basic', parameters: { realm: 'x, y' } }

test.each([
  [
    'the Docker token challenge',
    'Bearer realm="https://a/token",service="a",scope="repository:x:pull,push"',
    [BEARER],
  ],
  ['spaces around everything', '  BASIC  realm = "x, y"  ', [BASIC]],
  [
    'two challenges in one line',
    'Basic realm="x, y", Bearer realm="https://a/token", service=a, scope="repository:x:pull,push"',
    [BASIC, BEARER],
  ],
  [
    'two lines',
    [
      'Bearer realm="https://a/token",service="a",scope="repository:x:pull,push"',
      'Basic realm="x, y"',
    ],
    [BEARER, BASIC],
  ],
  ['a scheme alone', 'Negotiate', [{ scheme: 'negotiate', parameters: {} }]],
  [
    'a scheme with one value before another',
    'Negotiate YIIabc==, Basic realm="x, y"',
    [{ scheme: 'negotiate', parameters: {} }, BASIC],
  ],
  [
    'a quoted quote',
    'Basic realm="a \\"b\\" c"',
    [{ scheme: 'basic', parameters: { realm: 'a "b" c' } }],
  ],
  ['an open quote ends the reading', 'Basic realm="x', [{ scheme: 'basic', parameters: {} }]],
  ['nothing', undefined, []],
  ['an empty line', '', []],
])('%s', (_, header, expected) => {
  expect(parseChallenges(header)).toEqual(expected)
})

test('scopes of one repository become one, in one spelling', () => {
  expect(
    mergeScopes([
      'repository:b:push,pull',
      'repository:a:pull',
      'repository:b:delete',
      'repository:host:5000/x:pull',
    ]),
  ).toEqual(['repository:a:pull', 'repository:b:delete,pull,push', 'repository:host:5000/x:pull'])
})
