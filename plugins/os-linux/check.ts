// SPDX-License-Identifier: AGPL-3.0-or-later
import { diskProblems } from '../../schemas/recipe-disk.ts'
import { envProblems } from '../../schemas/recipe-env.ts'
import type { RecipeProblem } from '../../schemas/recipe-input.ts'
import { layoutProblems } from '../../schemas/recipe-layout.ts'
import { networkProblems } from '../../schemas/recipe-network-rules.ts'
import { parseOciReference } from '../../schemas/recipe-oci.ts'
import type { Partition } from '../../schemas/recipe-partition.ts'
import type { LinuxRecipe } from './recipe.ts'

/** Can the root and the system's own folders live on it: owners, modes, links. */
const LINUX_FORMATS: ReadonlySet<string> = new Set(['ext4', 'xfs', 'btrfs'])

/** Made by the kernel or at boot, or needed before anything is mounted. */
const NEVER_MOUNTED = /^\/(proc|sys|dev|run|etc|bin|sbin|lib|lib64)(\/|$)/

/** Folders whose files have owners and modes that vfat and ntfs can not keep. */
const NEEDS_OWNERS = /^\/(usr|var|home|root|opt|srv)(\/|$)/

/** Is this host of an `oci_url` the appliance's own registry? */
export type IsOurs = (host: string) => boolean

/** What is wrong with a recipe that its schema lets pass. */
export function linuxProblems(recipe: LinuxRecipe, isOurs: IsOurs): RecipeProblem[] {
  const { partition_layout, target_disk, overwrite, network, env } = recipe
  return [
    ...diskProblems(target_disk, overwrite),
    ...imageProblems(recipe.oci_url, isOurs),
    ...layoutProblems(partition_layout, target_disk),
    ...rootProblems(partition_layout),
    ...partition_layout.flatMap(mountProblems),
    ...(network ? networkProblems(network) : []),
    ...(env ? envProblems(env) : []),
  ]
}

function imageProblems(ociUrl: string, isOurs: IsOurs): RecipeProblem[] {
  const path = ['oci_url']
  const reference = parseOciReference(ociUrl)
  if ('wrong' in reference) return [{ path, code: 'invalid_value', message: reference.wrong }]
  if (!reference.host || isOurs(reference.host) || reference.digest) return []
  const message =
    'names another registry by a tag, which can change: give the digest (@sha256:…), or copy the image into our own registry'
  return [{ path, code: 'digest_required', message }]
}

function rootProblems(layout: readonly Partition[]): RecipeProblem[] {
  const index = layout.findIndex(({ mountpoint }) => mountpoint === '/')
  if (index < 0) {
    const message = 'has no partition with mountpoint /: the system needs a root file system'
    return [{ path: ['partition_layout'], code: 'no_root', message }]
  }
  if (LINUX_FORMATS.has(layout[index]?.format ?? '')) return []
  const message = 'must be ext4, xfs or btrfs for the root file system'
  return [{ path: ['partition_layout', index, 'format'], code: 'wrong_format', message }]
}

function mountProblems(partition: Partition, index: number): RecipeProblem[] {
  const { mountpoint, format } = partition
  if (mountpoint === undefined) return []
  const at = (field: string) => ['partition_layout', index, field]
  if (NEVER_MOUNTED.test(mountpoint)) {
    const message = 'must stay on the root file system or is made at boot: leave it out'
    return [{ path: at('mountpoint'), code: 'invalid_value', message }]
  }
  if (!NEEDS_OWNERS.test(mountpoint) || !['vfat', 'ntfs'].includes(format)) return []
  const message = `must be ext4, xfs or btrfs: ${format} keeps no owners and modes`
  return [{ path: at('format'), code: 'wrong_format', message }]
}
