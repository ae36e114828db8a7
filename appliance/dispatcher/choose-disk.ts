// SPDX-License-Identifier: AGPL-3.0-or-later
import { GiB } from '../../core/units.ts'
import type { DiskSelector, TargetDisk } from '../../schemas/recipe-disk.ts'
import { sizeBytes } from '../../schemas/recipe-size.ts'
import type { Disk } from './disks.ts'
import { diskFaults } from './faults.ts'

/** Where a path of the recipe leads: `/dev/disk/by-id/…` to `/dev/sda`. */
export type RealPath = (path: string) => string

/** Types of WWN are written before it or not: `naa.5000c500…`, `0x5000c500…`, `eui.…`. */
const bareWwn = (wwn: string) =>
  wwn.toLowerCase().replace(/^(naa\.|eui\.|t10\.|nvme\.|0x|wwn-0x)/, '')

/** udev replaces blanks in models by underscores, sysfs pads with blanks. */
const plainModel = (model: string) =>
  model
    .replaceAll(/[\s_]+/g, ' ')
    .trim()
    .toLowerCase()

const sameText = (one: string, other: string) =>
  one !== '' && one.toLowerCase() === other.trim().toLowerCase()

function matches(disk: Disk, selector: DiskSelector, realPath: RealPath): boolean {
  const { path, serial, wwn, model, min_size, max_size, rotational } = selector
  return (
    (path === undefined ? disk.kind === 'disk' : realPath(path) === disk.path) &&
    (serial === undefined || sameText(disk.serial, serial)) &&
    (wwn === undefined || (disk.wwn !== '' && bareWwn(disk.wwn) === bareWwn(wwn))) &&
    (model === undefined || plainModel(disk.model) === plainModel(model)) &&
    (min_size === undefined || BigInt(disk.sizeBytes) >= sizeBytes(min_size)) &&
    (max_size === undefined || BigInt(disk.sizeBytes) <= sizeBytes(max_size)) &&
    (rotational === undefined || disk.rotational === rotational)
  )
}

/** A disk in the words of a person: where it is, how large, what it says of itself. */
export function diskWords({ path, sizeBytes: size, model, serial, wwn }: Disk): string {
  const facts = [
    `${(size / GiB).toFixed(size < 10 * GiB ? 1 : 0)} GiB`,
    ...(model ? [model] : []),
    ...(serial ? [`serial ${serial}`] : []),
    ...(serial === '' && wwn ? [`WWN ${wwn}`] : []),
  ]
  return `${path} (${facts.join(', ')})`
}

const listed = (disks: readonly Disk[]) => disks.map(diskWords).join('; ') || 'none'

/**
 * The one disk that the recipe means. `excluded` are paths of media: never a disk to install on.
 * Throws `machine.disk-not-found`, `machine.disk-ambiguous`, `machine.disk-in-use`.
 */
export function chooseDisk(
  disks: readonly Disk[],
  target: TargetDisk,
  excluded: ReadonlySet<string>,
  realPath: RealPath,
): Disk {
  const selector = typeof target === 'string' ? { path: target } : target
  const isMedium = ({ path, partitions }: Disk) =>
    [path, ...partitions].some((each) => excluded.has(each))
  const usable = disks.filter((disk) => !disk.readOnly && !isMedium(disk))
  const found = usable.filter((disk) => matches(disk, selector, realPath))
  const [disk, second] = found
  if (!disk) {
    const there = usable.filter(({ kind }) => kind === 'disk')
    throw diskFaults.diskNotFound(
      `no disk of this machine is ${JSON.stringify(target)}; it has ${listed(there)}: correct target_disk of the recipe`,
    )
  }
  if (second) {
    throw diskFaults.diskAmbiguous(
      `${found.length} disks are ${JSON.stringify(target)}: ${listed(found)}; name one by serial or wwn in target_disk`,
    )
  }
  if (disk.mounted.length > 0) {
    throw diskFaults.diskInUse(
      `${diskWords(disk)} is in use: mounted at ${disk.mounted.join(', ')}; nothing was written`,
    )
  }
  return disk
}
