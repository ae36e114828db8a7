// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'
import { Size } from './recipe-size.ts'
import { choice, list, plainWord, word } from './rules.ts'

export const FORMATS = ['vfat', 'ext4', 'xfs', 'btrfs', 'ntfs', 'swap', 'raw', 'none'] as const
export type PartitionFormat = (typeof FORMATS)[number]

const TypeGuid = plainWord(
  /^([0-9A-Fa-f]{4}|[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})$/,
  'must be four hex digits such as ef00, or a GUID',
)

/** Every part may begin with one dot (`/.snapshots`), none is `.` or `..`. */
const Mountpoint = plainWord(
  /^(\/|(\/\.?[A-Za-z0-9_@+-][A-Za-z0-9._@+-]{0,60}){1,8})$/,
  'must be an absolute path such as /boot/efi',
)

const Label = word(
  /^[A-Za-z0-9._+-]([A-Za-z0-9 ._+-]{0,30}[A-Za-z0-9._+-])?$/,
  'must be 1 to 32 letters, digits, spaces or . _ + -, with no space at either end',
)

export const Partition = v.strictObject({
  size: v.pipe(Size, v.description('512MiB, 20GB, or a share of what is left: 100%')),
  type_guid: v.optional(TypeGuid),
  format: v.optional(choice(FORMATS), 'none'),
  label: v.optional(Label),
  mountpoint: v.optional(Mountpoint),
  bootable: v.optional(v.boolean(), false),
})
export type Partition = v.InferOutput<typeof Partition>

/** From the start of the disk to its end; 128 is what a GPT holds by default. */
export const PartitionLayout = v.pipe(
  list(Partition, 1, 128),
  v.description('The partitions from the start of the disk to its end'),
)
