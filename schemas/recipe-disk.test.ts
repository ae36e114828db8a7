// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { diskProblems } from './recipe-disk.ts'

test.each([
  ['a path', '/dev/sda', 'any'],
  ['a range of sizes', { min_size: '400GB', max_size: '500GB' }, 'empty'],
  ['equal bounds in two spellings', { min_size: '1MiB', max_size: '1048576B' }, 'empty'],
  ['consent to the same disk', { serial: 'S1' }, { disk_serial: 'S1' }],
  ['consent to a disk found otherwise', { model: 'X' }, { disk_serial: 'S1' }],
] as const)('%s is fine', (_name, disk, overwrite) => {
  expect(diskProblems(disk, overwrite)).toEqual([])
})

test('bounds that no size satisfies', () => {
  expect(diskProblems({ min_size: '500GiB', max_size: '500GB' }, 'empty')).toMatchObject([
    { path: ['target_disk', 'min_size'], code: 'contradiction' },
  ])
})

test('consent to another disk than the one that is asked for', () => {
  expect(diskProblems({ serial: 'S1' }, { disk_serial: 'S2' })).toMatchObject([
    { path: ['overwrite', 'disk_serial'], code: 'contradiction' },
  ])
})
