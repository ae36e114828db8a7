// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, test } from 'bun:test'
import { ANNOTATION, type Manifest } from './manifest.ts'
import { checkedTitle, planFiles } from './pull.ts'

const digest = `sha256:${'0'.repeat(64)}`
const manifest = (...titles: (string | undefined)[]): Manifest => ({
  ...{ kind: 'image', mediaType: '', artifactType: undefined, config: undefined },
  ...{ manifests: [], subject: undefined, annotations: {} },
  layers: titles.map((title) => ({
    ...{ mediaType: 'application/octet-stream', digest, size: 1 },
    ...(title === undefined ? {} : { annotations: { [ANNOTATION.title]: title } }),
  })),
})

describe('a title', () => {
  test.each(['disk.raw', 'a/b/c', 'mit Leerzeichen', '..a', 'a..b', 'größe'])(
    '%j is taken',
    (title) => {
      expect(checkedTitle(title)).toBe(title)
    },
  )
  test.each([
    '/etc/passwd',
    '../x',
    'a/../../x',
    'a/..',
    '.',
    '..',
    '',
    'a//b',
    'a/',
    'a\\..\\b',
    'a\0b',
    'a\nb',
    'x'.repeat(1025),
  ])('%j is refused', (title) => {
    expect(() => checkedTitle(title)).toThrow('not pulled')
  })
})

test('files lie below the folder under their titles; what has none is no file', () => {
  const files = planFiles(manifest('a', undefined, 'b/c'), 'out')
  expect(files.map(({ path }) => path)).toEqual(['out/a', 'out/b/c'])
})

test('two files of one name are refused: one would be lost', () => {
  expect(() => planFiles(manifest('a', 'a'), 'out')).toThrow('two files')
})
