// SPDX-License-Identifier: AGPL-3.0-or-later
/** What a partition layout must obey beyond its JSON Schema, whatever the system on it. */
import type { TargetDisk } from './recipe-disk.ts'
import type { RecipeProblem } from './recipe-input.ts'
import type { Partition, PartitionFormat } from './recipe-partition.ts'
import { parseSize, sizeBytes } from './recipe-size.ts'

const MiB = 1_048_576n

/** Linux counts the bytes of a block device in a signed 64-bit number. */
const LARGEST_DISK = 2n ** 63n

interface FormatRule {
  /** Longest label, in bytes. */
  readonly label: number
  /** Smallest that its mkfs makes; partitions are aligned to 1 MiB. */
  readonly leastBytes: bigint
  readonly mountable: boolean
}

/** From the manual pages: mkfs.fat, mke2fs, mkfs.xfs (5.19 and newer), mkfs.btrfs, mkntfs, mkswap. */
const FORMAT_RULES: Readonly<Record<PartitionFormat, FormatRule>> = {
  vfat: { label: 11, leastBytes: MiB, mountable: true },
  ext4: { label: 16, leastBytes: MiB, mountable: true },
  xfs: { label: 12, leastBytes: 300n * MiB, mountable: true },
  btrfs: { label: 32, leastBytes: 109n * MiB, mountable: true },
  ntfs: { label: 32, leastBytes: MiB, mountable: true },
  swap: { label: 15, leastBytes: MiB, mountable: false },
  raw: { label: 32, leastBytes: MiB, mountable: false },
  none: { label: 32, leastBytes: MiB, mountable: false },
}

export type PartitionKind = 'efi' | 'bios-boot' | 'swap'

/** sgdisk's short codes and the GUIDs that they stand for (UEFI 2.10 §5.3.3, UAPI.2). */
const KINDS: Readonly<Record<string, PartitionKind>> = {
  ef00: 'efi',
  'c12a7328-f81f-11d2-ba4b-00a0c93ec93b': 'efi',
  ef02: 'bios-boot',
  '21686148-6449-6e6f-744e-656564454649': 'bios-boot',
  '8200': 'swap',
  '0657fd6d-a4ab-43c4-84e5-0933c84b4f4f': 'swap',
}

/** What the partition's type makes of it; undefined when nothing here depends on it. */
export const kindOf = ({ type_guid }: Partition): PartitionKind | undefined =>
  KINDS[type_guid?.toLowerCase() ?? '']

/** Every problem of the layout on this disk. */
export function layoutProblems(layout: readonly Partition[], disk: TargetDisk): RecipeProblem[] {
  return [
    ...layout.flatMap(partitionProblems),
    ...shareProblems(layout),
    ...totalProblems(layout, disk),
    ...twins(layout, 'mountpoint'),
    ...twins(layout, 'label'),
  ]
}

interface PartitionRule {
  readonly field: keyof Partition
  readonly code: string
  broken(partition: Partition, rule: FormatRule): boolean
  message(partition: Partition, rule: FormatRule): string
}

const fixedBytes = ({ size }: Partition): bigint | undefined => {
  const meaning = parseSize(size)
  return 'bytes' in meaning ? meaning.bytes : undefined
}

const PARTITION_RULES: readonly PartitionRule[] = [
  {
    field: 'size',
    code: 'too_small',
    broken: (partition, { leastBytes }) => (fixedBytes(partition) ?? leastBytes) < leastBytes,
    message: ({ format }, { leastBytes }) => `must be ${leastBytes / MiB}MiB or more for ${format}`,
  },
  {
    field: 'label',
    code: 'too_long',
    broken: ({ label = '' }, rule) => label.length > rule.label,
    message: ({ format }, rule) => `must have at most ${rule.label} characters on ${format}`,
  },
  {
    field: 'mountpoint',
    code: 'not_mountable',
    broken: ({ mountpoint }, { mountable }) => mountpoint !== undefined && !mountable,
    message: ({ format }) => `needs a file system; the format is ${format}`,
  },
  {
    field: 'format',
    code: 'wrong_format',
    broken: (partition) => kindOf(partition) === 'efi' && partition.format !== 'vfat',
    message: () => 'must be vfat: firmware reads nothing else on an EFI system partition',
  },
  {
    field: 'format',
    code: 'wrong_format',
    broken: (partition, { mountable }) => kindOf(partition) === 'bios-boot' && mountable,
    message: () => 'must be none: GRUB writes itself into a BIOS boot partition',
  },
  {
    field: 'format',
    code: 'wrong_format',
    broken: (partition, { mountable }) => kindOf(partition) === 'swap' && mountable,
    message: () => 'must be swap: the type says that it is a swap partition',
  },
]

function partitionProblems(partition: Partition, index: number): RecipeProblem[] {
  const format = FORMAT_RULES[partition.format]
  return PARTITION_RULES.filter(({ broken }) => broken(partition, format)).map(
    ({ field, code, message }) => ({
      path: ['partition_layout', index, field],
      code,
      message: message(partition, format),
    }),
  )
}

/** `100%` takes all that is left, so nothing can follow it; smaller shares divide what is left. */
function shareProblems(layout: readonly Partition[]): RecipeProblem[] {
  let sum = 0
  return layout.flatMap(({ size }, index): RecipeProblem[] => {
    const meaning = parseSize(size)
    const path = ['partition_layout', index, 'size']
    if (!('percent' in meaning)) return []
    if (meaning.percent === 100) {
      if (index === layout.length - 1) return []
      const message = 'takes all that is left: only the last partition can be 100%'
      return [{ path, code: 'no_room', message }]
    }
    sum += meaning.percent
    if (sum <= 100) return []
    return [{ path, code: 'no_room', message: `brings the shares to ${sum}% of what is left` }]
  })
}

function totalProblems(layout: readonly Partition[], disk: TargetDisk): RecipeProblem[] {
  const given = typeof disk === 'string' ? undefined : disk.max_size
  const most = given === undefined ? LARGEST_DISK : sizeBytes(given)
  let total = 0n
  const index = layout.findIndex(({ size }) => {
    total += sizeBytes(size)
    return total > most
  })
  if (index < 0) return []
  const than = given === undefined ? 'than any disk holds' : 'than target_disk.max_size'
  const message = `brings the fixed sizes to more ${than}`
  return [{ path: ['partition_layout', index, 'size'], code: 'no_room', message }]
}

function twins(layout: readonly Partition[], field: 'mountpoint' | 'label'): RecipeProblem[] {
  const first = new Map<string, number>()
  return layout.flatMap((partition, index): RecipeProblem[] => {
    const value = partition[field]
    const other = value === undefined ? undefined : first.get(value)
    if (value !== undefined && other === undefined) first.set(value, index)
    if (other === undefined) return []
    const message = `is also the ${field} of partition_layout[${other}]`
    return [{ path: ['partition_layout', index, field], code: 'duplicate', message }]
  })
}
