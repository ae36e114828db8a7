// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { createGlob } from './care-glob.ts'

test.each([
  { pattern: 't/os', meant: ['t/os'], others: ['t/os2', 't', 'a/t/os', 't-os'] },
  { pattern: 't/*', meant: ['t/os', 't/a.b'], others: ['t', 't/a/b', 'tt/a'] },
  { pattern: 't/**', meant: ['t/os', 't/a/b'], others: ['t', 'tt/a'] },
  { pattern: '**', meant: ['t', 't/a/b'], others: [] },
  { pattern: '**/base', meant: ['os/base', 'a/b/base'], others: ['base', 'os/base2'] },
  { pattern: 'v?', meant: ['v1'], others: ['v', 'v10', 'v/'] },
  { pattern: '{dev,test}/*', meant: ['dev/a', 'test/b'], others: ['prod/a', 'dev'] },
  { pattern: '{v*,latest}', meant: ['v1', 'latest'], others: ['late'] },
  { pattern: 'a.b+c', meant: ['a.b+c'], others: ['axb+c', 'a.bbc'] },
  { pattern: '{open', meant: ['{open'], others: ['open'] },
])('the pattern $pattern means what it says', ({ pattern, meant, others }) => {
  const glob = createGlob(pattern)
  expect(meant.filter((name) => !glob(name))).toEqual([])
  expect(others.filter(glob)).toEqual([])
})
