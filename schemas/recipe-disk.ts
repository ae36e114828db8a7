// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'
import type { RecipeProblem } from './recipe-input.ts'
import { FixedSize, sizeBytes } from './recipe-size.ts'
import { filledText, objectOnly, plainWord } from './rules.ts'

/** Backslashes: udev writes odd characters of by-id names as `\x20`. */
const DiskPath = plainWord(
  /^\/dev(\/[A-Za-z0-9_:+@=,\\-][A-Za-z0-9._:+@=,\\-]{0,200}){1,4}$/,
  'must be a path below /dev, e.g. /dev/sda or /dev/disk/by-id/…',
)

const DiskName = filledText(128)

/** What the disk must be; all that is given must hold, for exactly one disk of the machine. */
export const DiskSelector = objectOnly(
  v.pipe(
    v.strictObject({
      path: v.optional(DiskPath),
      serial: v.optional(DiskName),
      wwn: v.optional(
        plainWord(/^[A-Za-z0-9][A-Za-z0-9._:-]{3,127}$/, 'must be like 0x5000c500a1b2c3d4'),
      ),
      model: v.optional(DiskName),
      min_size: v.optional(FixedSize),
      max_size: v.optional(FixedSize),
      rotational: v.optional(v.boolean()),
    }),
    v.minEntries(
      1,
      'must name at least one of path, serial, wwn, model, min_size, max_size, rotational',
    ),
  ),
)
export type DiskSelector = v.InferOutput<typeof DiskSelector>

/** The disk that will be erased. */
export const TargetDisk = v.pipe(
  v.union([DiskPath, DiskSelector]),
  v.description('The disk that is erased: a path, or what exactly one disk must match'),
)
export type TargetDisk = v.InferOutput<typeof TargetDisk>

/** May a disk that is not empty be erased? `disk_serial`: this one and no other. */
export const Overwrite = v.pipe(
  v.union(
    [v.picklist(['empty', 'any']), objectOnly(v.strictObject({ disk_serial: DiskName }))],
    'must be "empty", "any" or {"disk_serial": "…"}',
  ),
  v.description('Which disk may be erased: an empty one, any, or the one with this serial'),
)
export type Overwrite = v.InferOutput<typeof Overwrite>

/** What JSON Schema can not say of the disk and of the permission to erase it. */
export function diskProblems(disk: TargetDisk, overwrite: Overwrite): RecipeProblem[] {
  if (typeof disk === 'string') return []
  const problems: RecipeProblem[] = []
  const { min_size, max_size, serial } = disk
  if (min_size && max_size && sizeBytes(min_size) > sizeBytes(max_size)) {
    const path = ['target_disk', 'min_size']
    problems.push({ path, code: 'contradiction', message: 'is larger than max_size' })
  }
  const consent = typeof overwrite === 'string' ? undefined : overwrite.disk_serial
  if (serial !== undefined && consent !== undefined && serial !== consent) {
    const message = 'is not the serial of target_disk: no disk can satisfy both'
    problems.push({ path: ['overwrite', 'disk_serial'], code: 'contradiction', message })
  }
  return problems
}
