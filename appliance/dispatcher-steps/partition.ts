// SPDX-License-Identifier: AGPL-3.0-or-later
import { stat } from 'node:fs/promises'
import { MINUTE, SECOND } from '../../core/units.ts'
import { type Disk, listDisks } from '../dispatcher/disks.ts'
import { at, kernelText } from '../dispatcher/machine-os.ts'
import { stepFaults } from './faults.ts'
import { type PartitionPlan, type PlannedPartition, planPartitions } from './partition-plan.ts'
import { must, type Step, type StepContext } from './step.ts'

/** Longest wait for the kernel to show the new partitions. */
const SETTLE_MS = 30 * SECOND
const POLL_MS = 100
/** A file system on a large, slow disk. */
const FORMAT_LIMIT_MS = 30 * MINUTE

/** Divides the disk by the recipe and makes its file systems. */
export const partition: Step = {
  async plan(context) {
    const { table, formats } = planOf(context)
    const commands = [...(await wipes(context)), table, updates(context), ...formats]
    return commands.map((command) => command.join(' '))
  },
  async apply(context) {
    const plan = planOf(context)
    context.log(`dividing ${context.disk.path} into ${plan.partitions.length}`)
    for (const command of await wipes(context)) await must(context, command)
    await must(context, plan.table)
    await must(context, updates(context))
    for (const each of plan.partitions) await settled(context, each)
    await formatAll(context, plan)
  },
}

/** The plan of this job. Throws `step.disk-too-small`, `step.input`. */
export function planOf({ recipe, disk }: StepContext): PartitionPlan {
  const { partition_layout: layout } = recipe
  if (!layout) throw stepFaults.input('the recipe has no partition_layout')
  return planPartitions(layout, disk)
}

/** Old signatures first: what lies where a new partition begins would come back to life. */
async function wipes(context: StepContext): Promise<readonly (readonly string[])[]> {
  const { path, partitions } = await sameDisk(context)
  const old = [...partitions].reverse()
  return [...old, path].map((device) => ['wipefs', '--all', '--force', device])
}

/** The disk as it is now; throws when another took its path, or somebody uses it. */
export async function sameDisk({ os, disk }: StepContext): Promise<Disk> {
  const now = (await listDisks(os)).find(({ path }) => path === disk.path)
  if (now?.sizeBytes !== disk.sizeBytes || now.serial !== disk.serial) {
    throw stepFaults.partitions(
      `${disk.path} is not the disk any more that the job was claimed for; nothing was written: start the job again`,
    )
  }
  if (now.mounted.length > 0) {
    throw stepFaults.partitions(`${disk.path} is mounted at ${now.mounted.join(', ')}`)
  }
  return now
}

/** Where there is no udev the kernel still has the old partitions; `partx` tells it the new ones. */
const updates = ({ disk }: StepContext) => ['partx', '--update', disk.path]

/** Waits until the kernel shows the partition in its new size. Throws `step.partitions`. */
async function settled({ os }: StepContext, { path, sizeBytes }: PlannedPartition): Promise<void> {
  const until = os.elapsed() + SETTLE_MS
  const size = `/sys/class/block/${path.replace('/dev/', '')}/size`
  for (;;) {
    const node = await stat(at(os, path)).catch(() => undefined)
    // Sysfs counts in 512 bytes on every disk.
    if (node && Number(await kernelText(os, size)) * 512 === sizeBytes) return
    if (os.elapsed() > until) {
      throw stepFaults.partitions(
        `the kernel does not show ${path} with ${sizeBytes} bytes after ${SETTLE_MS / SECOND} s`,
      )
    }
    await os.pause(POLL_MS)
  }
}

async function formatAll(context: StepContext, { partitions, formats }: PartitionPlan) {
  for (const { path } of partitions) await must(context, ['wipefs', '--all', '--force', path])
  for (const [index, command] of formats.entries()) {
    context.news({
      percent: Math.floor((100 * index) / formats.length),
      message: command.join(' '),
    })
    await must(context, command, { timeoutMs: FORMAT_LIMIT_MS })
  }
  await must(context, ['sync'])
}
