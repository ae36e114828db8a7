// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { MINUTE } from '../../core/units.ts'
import { at } from '../dispatcher/machine-os.ts'
import { stepFaults } from './faults.ts'
import { assertInside } from './inside.ts'
import { planOf } from './partition.ts'
import type { PlannedPartition } from './partition-plan.ts'
import { attempt, must, type StepContext } from './step.ts'

/** Everything that the last write left in memory goes to the disk here. */
const UNMOUNT_LIMIT_MS = 30 * MINUTE

/** A partition and its place below the new root. */
export interface Mount {
  readonly partition: PlannedPartition
  /** As the recipe says it: `/boot/efi`. */
  readonly mountpoint: string
}

const depth = (path: string) => path.split('/').filter(Boolean).length

/** Outer ones first. Pure. */
export function planMounts(partitions: readonly PlannedPartition[]): readonly Mount[] {
  return partitions
    .flatMap((partition) => {
      const { mountpoint } = partition.layout
      return mountpoint === undefined ? [] : [{ partition, mountpoint }]
    })
    .sort((one, other) => depth(one.mountpoint) - depth(other.mountpoint))
}

/** Does the work with the partitions mounted below the new root, and takes them away again. */
export async function withNewRoot<T>(
  context: StepContext,
  work: (root: string) => Promise<T>,
): Promise<T> {
  const { newRoot } = context
  const mounts = planMounts(planOf(context).partitions)
  let result: T
  try {
    for (const { partition, mountpoint } of mounts) {
      const place = mountpoint === '/' ? newRoot : join(newRoot, mountpoint)
      if (mountpoint !== '/') await assertInside(at(context.os, newRoot), mountpoint)
      await mkdir(at(context.os, place), { recursive: true })
      await must(context, ['mount', partition.path, place])
    }
    result = await work(at(context.os, newRoot))
  } catch (error) {
    await attempt(context, ['umount', '--recursive', newRoot], { timeoutMs: UNMOUNT_LIMIT_MS })
    throw error
  }
  const unmount = ['umount', '--recursive', newRoot]
  const { code, stderr } = await attempt(context, unmount, { timeoutMs: UNMOUNT_LIMIT_MS })
  if (code === 0) return result
  throw stepFaults.partitions(
    `what was written can not be finished: ${newRoot} is not unmounted (${code}) ${stderr.trim()}`,
  )
}
