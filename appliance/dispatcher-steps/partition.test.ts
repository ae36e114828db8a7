// SPDX-License-Identifier: AGPL-3.0-or-later
/** Real partitions on real block devices. */
import { expect, test } from 'bun:test'
import { GiB, MiB } from '../../core/units.ts'
import { chooseDisk } from '../dispatcher/choose-disk.ts'
import { type Disk, listDisks } from '../dispatcher/disks.ts'
import { thisMachine } from '../dispatcher/machine-os.ts'
import { partition } from './partition.ts'
import { runStep } from './step.ts'
import { host, type LoopDisk, loopDisk, testStep } from './test-bed.ts'

const LAYOUT = [
  { size: '300M', type_guid: 'ef00', format: 'vfat', label: 'ESP', bootable: true },
  { size: '64MiB', format: 'swap', label: 'swap' },
  { size: '350M', format: 'xfs', label: 'logs' },
  { size: '120M', format: 'btrfs', label: 'data' },
  { size: '32M', format: 'ntfs', label: 'win' },
  { size: '1M', type_guid: 'ef02' },
  { size: '50%', format: 'ext4', label: 'home' },
  { size: '100%', type_guid: '8304', format: 'ext4', label: 'root', mountpoint: '/' },
]

interface Probed {
  readonly start: number
  readonly sectors: number
  readonly facts: Readonly<Record<string, string>>
}

/** What an independent reader sees, by number. */
async function probe({ path }: LoopDisk, count: number): Promise<readonly Probed[]> {
  return await Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const device = `${path}p${index + 1}`
      const out = await host('blkid', '--probe', '--info', '--output', 'export', device).catch(
        () => '',
      )
      const values = await host('blkid', '--probe', '--output', 'export', device).catch(() => '')
      const facts = Object.fromEntries(
        `${out}\n${values}`.split('\n').map((line) => {
          const equals = line.indexOf('=')
          return [line.slice(0, equals), line.slice(equals + 1).replaceAll('\\ ', ' ')]
        }),
      )
      return {
        facts,
        start: Number(facts['PART_ENTRY_OFFSET']),
        sectors: Number(facts['PART_ENTRY_SIZE']),
      }
    }),
  )
}

test.each([512, 4_096])(
  'a disk with sectors of %i bytes is divided and formatted as the recipe says',
  async (sectorBytes) => {
    await using disk = await loopDisk(2 * GiB, sectorBytes)
    // Old content, and an old table with a partition in use nowhere.
    await host('mkfs.ext4', '-q', '-F', '-L', 'OLD', disk.path)
    await using step = await testStep(
      { path: disk.path, sizeBytes: 2 * GiB, sectorBytes },
      { partition_layout: LAYOUT },
    )
    await partition.apply(step.context)
    await host('sgdisk', '--verify', disk.path)
    const probed = await probe(disk, LAYOUT.length)
    expect(probed.map(({ facts }) => [facts['TYPE'], facts['LABEL']])).toEqual([
      ['vfat', 'ESP'],
      ['swap', 'swap'],
      ['xfs', 'logs'],
      ['btrfs', 'data'],
      ['ntfs', 'win'],
      [undefined, undefined],
      ['ext4', 'home'],
      ['ext4', 'root'],
    ])
    expect(probed.map(({ facts }) => facts['PART_ENTRY_TYPE'])).toEqual([
      'c12a7328-f81f-11d2-ba4b-00a0c93ec93b',
      '0657fd6d-a4ab-43c4-84e5-0933c84b4f4f',
      '0fc63daf-8483-4772-8e79-3d69d8477de4',
      '0fc63daf-8483-4772-8e79-3d69d8477de4',
      'ebd0a0a2-b9e5-4433-87c0-68b6b72699c7',
      '21686148-6449-6e6f-744e-656564454649',
      '0fc63daf-8483-4772-8e79-3d69d8477de4',
      '4f68bce3-e8cd-4db1-96e7-fbcaf984b709',
    ])
    // blkid counts 512 bytes whatever the sectors are.
    for (const { start } of probed) expect((start * 512) % MiB).toBe(0)
    expect(probed[0]).toMatchObject({ start: MiB / 512, sectors: (300 * MiB) / 512 })
    const [home, root] = probed.slice(6)
    expect(Math.abs((home?.sectors ?? 0) - (root?.sectors ?? 0)) * 512).toBeLessThanOrEqual(MiB)
    await host('fsck.vfat', '-n', `${disk.path}p1`)
    await host('e2fsck', '-fn', `${disk.path}p8`)
    await host('xfs_repair', '-n', `${disk.path}p3`)

    // Again: over partitions that the kernel knows.
    await partition.apply(step.context)
    const again = await probe(disk, LAYOUT.length)
    expect(again.map(({ start, sectors }) => [start, sectors])).toEqual(
      probed.map(({ start, sectors }) => [start, sectors]),
    )
  },
  60_000,
)

test('the plan says what would be done and does nothing', async () => {
  await using disk = await loopDisk(GiB)
  await using step = await testStep(
    { path: disk.path, sizeBytes: GiB },
    { partition_layout: [{ size: '100%', format: 'ext4', mountpoint: '/' }] },
  )
  expect(await partition.plan(step.context)).toEqual([
    `wipefs --all --force ${disk.path}`,
    `sgdisk --clear --new=1:2048:2095103 --typecode=1:8300 ${disk.path}`,
    `partx --update ${disk.path}`,
    `mkfs.ext4 -q -F ${disk.path}p1`,
  ])
  expect(await host('blkid', '--probe', disk.path).catch(() => 'nothing')).toBe('nothing')
})

test('a disk that is another than the one that was claimed is not touched', async () => {
  await using disk = await loopDisk(GiB)
  await host('mkfs.ext4', '-q', '-F', '-L', 'KEEP', disk.path)
  await using step = await testStep(
    { path: disk.path, sizeBytes: 2 * GiB },
    { partition_layout: [{ size: '100%', format: 'ext4', mountpoint: '/' }] },
  )
  const { folder, lines } = step
  const parts = { os: thisMachine(), folder, unit: 'partition.service', planOnly: false }
  expect(await runStep(partition, { ...parts, write: (line) => lines.push(line) })).toBe(1)
  expect(await step.news()).toEqual([
    { step: 'partition.service', failed: expect.stringContaining('is not the disk any more') },
  ])
  expect(
    await host('blkid', '--probe', '--output', 'value', '--match-tag', 'LABEL', disk.path),
  ).toBe('KEEP')
})

test('a program that the image lacks is named', async () => {
  await using step = await testStep(
    { path: '/dev/sda', sizeBytes: GiB },
    { partition_layout: [{ size: '100%', format: 'ext4', mountpoint: '/' }] },
  )
  const real = thisMachine()
  const disk = { path: '/dev/sda', type: 'disk', size: GiB, rota: false, ro: false, 'log-sec': 512 }
  const os = {
    ...real,
    run: async (command: readonly string[]) =>
      command[0] === 'lsblk'
        ? { code: 0, stdout: JSON.stringify({ blockdevices: [disk] }), stderr: '' }
        : { code: 127, stdout: '', stderr: 'not found' },
  }
  await expect(partition.apply({ ...step.context, os })).rejects.toThrow(
    'wipefs is missing from the maintenance image',
  )
})

test('what lsblk says of a real disk: its partitions, and where they are mounted', async () => {
  await using disk = await loopDisk(GiB)
  const layout = [
    { size: '64M', format: 'ext4' },
    { size: '100%', format: 'ext4', mountpoint: '/' },
  ]
  await using step = await testStep(
    { path: disk.path, sizeBytes: GiB },
    { partition_layout: layout },
  )
  const look = async () => (await listDisks(thisMachine())).find(({ path }) => path === disk.path)
  await partition.apply(step.context)
  expect(await look()).toMatchObject({
    ...{ kind: 'loop', sizeBytes: GiB, sectorBytes: 512, mounted: [] },
    partitions: [`${disk.path}p1`, `${disk.path}p2`],
  })
  const at = step.context.newRoot
  await host('mkdir', at)
  await host('mount', `${disk.path}p2`, at)
  try {
    const mounted = await look()
    expect(mounted?.mounted).toEqual([at])
    expect(() => chooseDisk([mounted as Disk], disk.path, new Set(), (path) => path)).toThrow(
      `mounted at ${at}`,
    )
    await expect(partition.apply(step.context)).rejects.toThrow(`is mounted at ${at}`)
  } finally {
    await host('umount', at)
  }
}, 30_000)
