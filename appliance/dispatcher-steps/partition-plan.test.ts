// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { GiB, MiB } from '../../core/units.ts'
import { partitionPath, planPartitions } from './partition-plan.ts'

const disk = { path: '/dev/nvme0n1', sizeBytes: 100 * GiB, sectorBytes: 512 }
const part = (size: string, more: object = {}) => ({
  ...{ size, format: 'none', bootable: false },
  ...more,
})
const sizes = (layout: readonly ReturnType<typeof part>[], on = disk) =>
  planPartitions(layout as never, on).partitions.map(({ sizeBytes }) => sizeBytes)

test('fixed sizes are rounded up to a MiB', () => {
  expect(sizes([part('1B'), part('1MB'), part('1M'), part('1500KiB')])).toEqual([
    MiB,
    MiB,
    MiB,
    2 * MiB,
  ])
})

test('shares divide what the fixed sizes leave, and 100% takes all the rest', () => {
  const [fixed = 0, half = 0, rest = 0] = sizes([part('10G'), part('50%'), part('100%')])
  expect(fixed).toBe(10 * GiB)
  expect(Math.abs(half - rest)).toBeLessThanOrEqual(MiB)
  // The first MiB, and less than two at the end for the second table and the alignment.
  expect(fixed + half + rest).toBeGreaterThan(100 * GiB - 3 * MiB)
})

test('the last partition ends before the second table, on every sector size', () => {
  for (const sectorBytes of [512, 4_096]) {
    const on = { ...disk, sectorBytes, sizeBytes: 4 * GiB }
    const [last] = planPartitions([part('100%')] as never, on).partitions.slice(-1)
    const end = ((last?.startSector ?? 0) + (last?.sectors ?? 0)) * sectorBytes
    expect(end).toBeLessThanOrEqual(4 * GiB - 16_384 - sectorBytes)
  }
})

test.each([
  [[part('100G')], 'needs more than its disk'],
  [[part('99G'), part('1G')], 'leaves nothing for the tables'],
  [[part('102398M'), part('100%')], 'leaves nothing for its share'],
])('a layout that does not fit is refused with the sizes: %j', (layout, _why) => {
  expect(() => sizes(layout)).toThrow('take a larger disk or smaller sizes')
})

test('partitions are named as the kernel does', () => {
  expect(partitionPath('/dev/sda', 1)).toBe('/dev/sda1')
  expect(partitionPath('/dev/nvme0n1', 2)).toBe('/dev/nvme0n1p2')
  expect(partitionPath('/dev/disk0', 3)).toBe('/dev/disk0p3')
})

test('the commands of a whole layout', () => {
  const plan = planPartitions(
    [
      part('512MiB', { type_guid: 'ef00', format: 'vfat', label: 'ESP' }),
      part('1G', { format: 'swap' }),
      part('100%', { format: 'ext4', label: 'root fs', bootable: true }),
    ] as never,
    { ...disk, path: '/dev/sda' },
  )
  expect([plan.table, ...plan.formats].map((line) => line.join(' '))).toMatchInlineSnapshot(`
    [
      "sgdisk --clear --new=1:2048:1050623 --typecode=1:EF00 --change-name=1:ESP --new=2:1050624:3147775 --typecode=2:8200 --new=3:3147776:209713151 --typecode=3:8300 --change-name=3:root fs --attributes=3:set:2 /dev/sda",
      "mkfs.vfat -F 32 -n ESP /dev/sda1",
      "mkswap /dev/sda2",
      "mkfs.ext4 -q -F -L root fs /dev/sda3",
    ]
  `)
})
