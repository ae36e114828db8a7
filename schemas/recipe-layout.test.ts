// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import * as v from 'valibot'
import { kindOf, layoutProblems } from './recipe-layout.ts'
import { Partition } from './recipe-partition.ts'

type Input = v.InferInput<typeof Partition>

const root: Input = { size: '100%', format: 'ext4', mountpoint: '/' }
const problemsOf = (layout: readonly Input[], max_size?: string) =>
  layoutProblems(
    layout.map((partition) => v.parse(Partition, partition)),
    max_size === undefined ? '/dev/sda' : { max_size },
  )

test.each<[string, Input[]]>([
  ['one root', [root]],
  [
    'EFI, swap and root',
    [
      { size: '512MiB', type_guid: 'EF00', format: 'vfat', label: 'EFI', mountpoint: '/boot/efi' },
      { size: '8G', type_guid: '8200', format: 'swap', label: 'swap' },
      root,
    ],
  ],
  ['shares, then the rest', [{ size: '50%' }, { size: '49%' }, { size: '100%' }]],
  ['shares that add up to all', [{ size: '60%' }, { size: '40%' }]],
  ['a BIOS boot partition', [{ size: '1MiB', type_guid: 'ef02' }, root]],
  ['swap by type, made later', [{ size: '1G', type_guid: '8200', format: 'none' }, root]],
  ['no label on two', [{ size: '1G' }, { size: '2G' }]],
])('%s fits', (_name, layout) => {
  expect(problemsOf(layout)).toEqual([])
})

test.each<[string, Input[], number, string, string]>([
  ['100% that is not the last', [root, { size: '1G' }], 0, 'size', 'no_room'],
  ['100% twice', [{ size: '100%' }, { size: '100%' }], 0, 'size', 'no_room'],
  ['shares above 100', [{ size: '60%' }, { size: '41%' }], 1, 'size', 'no_room'],
  [
    'more than any disk holds',
    [{ size: '4096P' }, { size: '4096P' }, { size: '1M' }],
    2,
    'size',
    'no_room',
  ],
  ['less than the alignment', [{ size: '1023K' }], 0, 'size', 'too_small'],
  ['xfs below its least', [{ size: '299MiB', format: 'xfs' }], 0, 'size', 'too_small'],
  ['btrfs below its least', [{ size: '108MiB', format: 'btrfs' }], 0, 'size', 'too_small'],
  [
    'one mountpoint twice',
    [
      { size: '1G', format: 'ext4', mountpoint: '/srv' },
      { size: '1G', format: 'xfs', mountpoint: '/srv' },
    ],
    1,
    'mountpoint',
    'duplicate',
  ],
  [
    'one label twice',
    [
      { size: '1G', label: 'data' },
      { size: '1G', label: 'data' },
    ],
    1,
    'label',
    'duplicate',
  ],
  [
    'an EFI system partition in ext4',
    [{ size: '1G', type_guid: 'ef00', format: 'ext4' }],
    0,
    'format',
    'wrong_format',
  ],
  [
    'an EFI system partition by GUID, unformatted',
    [{ size: '1G', type_guid: 'C12A7328-F81F-11D2-BA4B-00A0C93EC93B' }],
    0,
    'format',
    'wrong_format',
  ],
  [
    'a BIOS boot partition with files',
    [{ size: '1M', type_guid: 'ef02', format: 'vfat' }],
    0,
    'format',
    'wrong_format',
  ],
  [
    'a swap type with files',
    [{ size: '1G', type_guid: '8200', format: 'ext4' }],
    0,
    'format',
    'wrong_format',
  ],
  [
    'swap with a mountpoint',
    [{ size: '1G', format: 'swap', mountpoint: '/swap' }],
    0,
    'mountpoint',
    'not_mountable',
  ],
  [
    'a mountpoint without file system',
    [{ size: '1G', mountpoint: '/data' }],
    0,
    'mountpoint',
    'not_mountable',
  ],
  [
    'a label too long for vfat',
    [{ size: '1G', format: 'vfat', label: 'x'.repeat(12) }],
    0,
    'label',
    'too_long',
  ],
  [
    'a label too long for xfs',
    [{ size: '1G', format: 'xfs', label: 'x'.repeat(13) }],
    0,
    'label',
    'too_long',
  ],
  [
    'a label too long for ext4',
    [{ size: '1G', format: 'ext4', label: 'x'.repeat(17) }],
    0,
    'label',
    'too_long',
  ],
  [
    'a label too long for swap',
    [{ size: '1G', format: 'swap', label: 'x'.repeat(16) }],
    0,
    'label',
    'too_long',
  ],
])('%s is refused', (_name, layout, index, field, code) => {
  expect(problemsOf(layout)).toMatchObject([{ path: ['partition_layout', index, field], code }])
})

test('fixed sizes are held against the largest disk that the recipe allows', () => {
  const layout: Input[] = [{ size: '512MiB' }, { size: '19GiB' }, root]
  expect(problemsOf(layout, '20GiB')).toEqual([])
  expect(problemsOf(layout, '20GB')).toMatchObject([
    { path: ['partition_layout', 1, 'size'], message: expect.stringContaining('max_size') },
  ])
})

test('every problem is told at once', () => {
  expect(
    problemsOf([{ size: '1K', format: 'swap', mountpoint: '/x' }, { size: '100%' }, root]),
  ).toHaveLength(3)
})

test.each([
  ['ef00', 'efi'],
  ['EF02', 'bios-boot'],
  ['0657fd6d-a4ab-43c4-84e5-0933c84b4f4f', 'swap'],
  ['8300', undefined],
] as const)('type %s is %p', (type_guid, kind) => {
  expect(kindOf(v.parse(Partition, { size: '1G', type_guid }))).toBe(kind)
})
