// SPDX-License-Identifier: AGPL-3.0-or-later
import { GiB, MiB } from '../../core/units.ts'
import { kindOf } from '../../schemas/recipe-layout.ts'
import type { Partition, PartitionFormat } from '../../schemas/recipe-partition.ts'
import { parseSize } from '../../schemas/recipe-size.ts'
import { stepFaults } from './faults.ts'

/** The disk as far as a plan needs it. */
export interface PlanDisk {
  readonly path: string
  readonly sizeBytes: number
  /** Of a logical sector: 512 or 4096. */
  readonly sectorBytes: number
}

/** One partition, placed. */
export interface PlannedPartition {
  /** From 1. */
  readonly number: number
  /** Device that the kernel makes for it. */
  readonly path: string
  readonly startSector: number
  readonly sectors: number
  readonly sizeBytes: number
  readonly layout: Partition
}

export interface PartitionPlan {
  readonly disk: PlanDisk
  readonly partitions: readonly PlannedPartition[]
  /** Writes the whole table at once. */
  readonly table: readonly string[]
  /** One command a file system, in the order of the partitions. */
  readonly formats: readonly (readonly string[])[]
}

const ALIGNMENT = BigInt(MiB)
/** A GPT has 128 entries of 128 bytes, and a header sector (UEFI 2.10 §5.3). */
const TABLE_BYTES = 128 * 128

const alignUp = (bytes: bigint) => ((bytes + ALIGNMENT - 1n) / ALIGNMENT) * ALIGNMENT
const alignDown = (bytes: bigint) => (bytes / ALIGNMENT) * ALIGNMENT

/** The kernel puts a `p` between a name that ends in a digit and the number. */
export const partitionPath = (disk: string, number: number): string =>
  `${disk}${/\d$/.test(disk) ? 'p' : ''}${number}`

/** Bytes between the first MiB and the second table at the end, in whole MiB. */
function usableBytes({ sizeBytes, sectorBytes }: PlanDisk): bigint {
  const end = BigInt(sizeBytes) - BigInt(sectorBytes + TABLE_BYTES)
  const usable = alignDown(end) - ALIGNMENT
  return usable > 0n ? usable : 0n
}

/** Bytes of each partition: fixed sizes rounded up to MiB, shares of what those leave rounded down. */
function sizesOf(layout: readonly Partition[], disk: PlanDisk): readonly bigint[] {
  const usable = usableBytes(disk)
  const meanings = layout.map(({ size }) => parseSize(size))
  const fixed = meanings.reduce(
    (sum, meaning) => sum + ('bytes' in meaning ? alignUp(meaning.bytes) : 0n),
    0n,
  )
  const left = usable - fixed
  const share = (percent: number) => alignDown((left * BigInt(percent)) / 100n)
  const shared = meanings.reduce(
    (sum, meaning) =>
      sum + ('percent' in meaning && meaning.percent < 100 ? share(meaning.percent) : 0n),
    0n,
  )
  const sizes = meanings.map((meaning) => {
    if ('bytes' in meaning) return alignUp(meaning.bytes)
    return meaning.percent === 100 ? left - shared : share(meaning.percent)
  })
  if (left < 0n || sizes.some((size) => size < ALIGNMENT)) throw tooSmall(layout, disk, fixed)
  return sizes
}

const gib = (bytes: bigint | number) => `${(Number(bytes) / GiB).toFixed(2)} GiB`

function tooSmall(layout: readonly Partition[], disk: PlanDisk, fixed: bigint) {
  const sizes = layout.map(({ size }) => size).join(', ')
  return stepFaults.diskTooSmall(
    `${disk.path} has ${gib(disk.sizeBytes)}, and the partitions (${sizes}) need more than ${gib(fixed)}: take a larger disk or smaller sizes in partition_layout`,
  )
}

/** sgdisk's code when the recipe names no type. */
const DEFAULT_TYPES: Readonly<Record<PartitionFormat, string>> = {
  vfat: '0700',
  ntfs: '0700',
  swap: '8200',
  ext4: '8300',
  xfs: '8300',
  btrfs: '8300',
  raw: '8300',
  none: '8300',
}

/** The whole layout on this disk. The same input gives the same plan. Throws `step.disk-too-small`. */
export function planPartitions(layout: readonly Partition[], disk: PlanDisk): PartitionPlan {
  let start = ALIGNMENT
  const partitions = sizesOf(layout, disk).map((size, index): PlannedPartition => {
    const at = start
    start += size
    return {
      number: index + 1,
      path: partitionPath(disk.path, index + 1),
      startSector: Number(at / BigInt(disk.sectorBytes)),
      sectors: Number(size / BigInt(disk.sectorBytes)),
      sizeBytes: Number(size),
      layout: layout[index] as Partition,
    }
  })
  return {
    disk,
    partitions,
    table: ['sgdisk', '--clear', ...partitions.flatMap(tableOptions), disk.path],
    formats: partitions.flatMap((partition) => formatCommand(partition, disk) ?? []),
  }
}

function tableOptions({ number, startSector, sectors, layout }: PlannedPartition): string[] {
  const type = layout.type_guid?.toUpperCase() ?? DEFAULT_TYPES[layout.format]
  return [
    `--new=${number}:${startSector}:${startSector + sectors - 1}`,
    `--typecode=${number}:${type}`,
    ...(layout.label === undefined ? [] : [`--change-name=${number}:${layout.label}`]),
    // Bit 2: "legacy BIOS bootable", which syslinux and some firmware ask for (UEFI 2.10 table 5.8).
    ...(layout.bootable ? [`--attributes=${number}:set:2`] : []),
  ]
}

type Format = (partition: PlannedPartition, disk: PlanDisk) => readonly string[] | undefined

const label = (option: string, { layout }: PlannedPartition) =>
  layout.label === undefined ? [] : [option, layout.label]

/** Below this a FAT32 has too few clusters, and some firmware takes it for a FAT16: 65,525 of one sector. */
const leastFat32 = ({ sectorBytes }: PlanDisk) => (sectorBytes > 512 ? 264 * MiB : 40 * MiB)

const FORMATS: Readonly<Record<PartitionFormat, Format>> = {
  vfat: (partition, disk) => [
    'mkfs.vfat',
    ...(partition.sizeBytes >= leastFat32(disk) ? ['-F', '32'] : []),
    ...label('-n', partition),
    partition.path,
  ],
  ext4: (partition) => ['mkfs.ext4', '-q', '-F', ...label('-L', partition), partition.path],
  xfs: (partition) => ['mkfs.xfs', '-q', '-f', ...label('-L', partition), partition.path],
  btrfs: (partition) => ['mkfs.btrfs', '-q', '-f', ...label('-L', partition), partition.path],
  // Without -Q it zeroes the whole partition first.
  ntfs: (partition) => ['mkfs.ntfs', '-q', '-Q', '-F', ...label('-L', partition), partition.path],
  swap: (partition) => ['mkswap', ...label('-L', partition), partition.path],
  raw: () => undefined,
  none: () => undefined,
}

function formatCommand(partition: PlannedPartition, disk: PlanDisk) {
  const command = FORMATS[partition.layout.format](partition, disk)
  return command && [command]
}

/** What the partition is to the firmware; undefined for all else. */
export const kindOfPlanned = ({ layout }: PlannedPartition) => kindOf(layout)
