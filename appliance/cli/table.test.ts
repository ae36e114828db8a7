// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { clip, facts, table } from '../../core/table.ts'
import { ago, sizeOf, span } from '../../core/times.ts'
import { printable } from './output.ts'

interface Row {
  readonly id: string
  readonly text: string
  readonly other?: string
}

const columns = [
  { title: 'ID', value: (row: Row) => row.id },
  { title: 'TEXT', value: (row: Row) => row.text, cut: true },
  { title: 'OTHER', value: (row: Row) => row.other ?? '', cut: true },
]
const rows = [
  { id: '5b1c6a52-6c0e', text: 'a long text that takes room' },
  { id: '7', text: 'short' },
]

test('a table is as wide as it needs to be when there is room', () => {
  expect(table(rows, columns, undefined)).toEqual([
    'ID             TEXT',
    '5b1c6a52-6c0e  a long text that takes room',
    '7              short',
  ])
})

test('a narrow terminal cuts what may be cut', () => {
  const lines = table(rows, columns, 24)
  expect(lines[1]).toBe('5b1c6a52-6c0e  a long t…')
  expect(Math.max(...lines.map((line) => Bun.stringWidth(line)))).toBe(24)
})

test('an id is never cut, however narrow the terminal', () => {
  expect(table(rows, columns, 10)[1]).toBe('5b1c6a52-6c0e  a lon…')
})

test('wide characters count as what they take', () => {
  expect(clip('ab漢字cd', 5)).toBe('ab漢…')
  expect(Bun.stringWidth(clip('漢字漢字', 4))).toBeLessThanOrEqual(4)
})

test('facts leave out what is not known', () => {
  expect(
    facts([
      ['a', '1'],
      ['long name', ''],
      ['b', undefined],
      ['cd', '2'],
    ]),
  ).toEqual(['a   1', 'cd  2'])
})

test('names from outside cannot steer the terminal', () => {
  expect(printable('a\x1b[2Jb\x1b]0;title\x07c\r\nd\u009b1A')).toBe('a?[2Jb?]0;title?c d?1A')
  expect(printable('\x1b[31mred\x1b[0m')).toBe('\x1b[31mred\x1b[0m')
})

test.each([
  [0, '0 s'],
  [999, '0 s'],
  [61_000, '1 min 1 s'],
  [3_600_000, '1 h'],
  [90_061_000, '1 d 1 h'],
])('%d ms are %s', (ms, text) => {
  expect(span(ms)).toBe(text)
})

test('a moment is told from now', () => {
  const now = Date.parse('2026-03-01T12:00:00Z')
  expect(ago('2026-03-01T11:56:55Z', now)).toBe('3 min ago')
  expect(ago('2026-03-01T12:00:05Z', now)).toBe('now')
  expect(ago('never', now)).toBe('never')
})

test.each([
  [0, '0 B'],
  [1_536, '2 KiB'],
  [5 * 2 ** 20, '5.0 MiB'],
  [3.25 * 2 ** 30, '3.3 GiB'],
])('%d bytes are %s', (bytes, text) => {
  expect(sizeOf(bytes)).toBe(text)
})
