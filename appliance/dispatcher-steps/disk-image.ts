// SPDX-License-Identifier: AGPL-3.0-or-later
import { existsSync } from 'node:fs'
import { mkdir, open, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as v from 'valibot'
import { listDisks } from '../dispatcher/disks.ts'
import { at } from '../dispatcher/machine-os.ts'
import { stepFaults } from './faults.ts'
import { assertInside } from './inside.ts'
import { sameDisk } from './partition.ts'
import { attempt, must, type StepContext } from './step.ts'

/** What the image step leaves for those after it. */
const NOTE = 'image.json'
const Note = v.object({ kind: v.literal('disk') })

/** Did the image bring partitions and boot loader of its own? */
export async function isDiskImage({ os, folder }: StepContext): Promise<boolean> {
  const path = join(at(os, folder), NOTE)
  return existsSync(path) && v.is(Note, JSON.parse(await readFile(path, 'utf8')))
}

/**
 * Writes the image of a whole disk over the disk, its zeros too: what was there must not shine
 * through. Throws `step.disk-too-small`.
 */
export async function writeDisk(
  context: StepContext,
  source: AsyncIterable<Uint8Array>,
): Promise<void> {
  const { os, disk, folder, log } = context
  log(`the image is that of a whole disk: it takes the place of partition_layout on ${disk.path}`)
  await sameDisk(context)
  await attempt(context, ['partx', '--delete', disk.path])
  {
    await using file = await open(at(os, disk.path), 'r+')
    let place = 0
    for await (const piece of source) {
      if (place + piece.length > disk.sizeBytes) throw tooLarge(context)
      for (let done = 0; done < piece.length; ) {
        const { bytesWritten } = await file.write(piece, done, piece.length - done, place + done)
        done += bytesWritten
      }
      place += piece.length
    }
    await file.sync()
  }
  // A GPT says at its start where its second half is: at the end of a smaller disk.
  const table = ['blkid', '--probe', '--output', 'value', '--match-tag', 'PTTYPE', disk.path]
  const { stdout } = await attempt(context, table)
  if (stdout.trim() === 'gpt') await must(context, ['sgdisk', '--move-second-header', disk.path])
  await must(context, ['partx', '--update', disk.path])
  await writeFile(join(at(os, folder), NOTE), JSON.stringify({ kind: 'disk' }))
}

const tooLarge = ({ disk }: StepContext) =>
  stepFaults.diskTooSmall(
    `the image is larger than ${disk.path} with its ${disk.sizeBytes} bytes: take a larger disk`,
  )

/** A partition that an image brought. */
interface Found {
  readonly path: string
  readonly type: string
  readonly label: string
}

const LINUX = new Set(['ext4', 'ext3', 'xfs', 'btrfs'])

async function partitionsOf(context: StepContext): Promise<readonly Found[]> {
  const disk = (await listDisks(context.os)).find(({ path }) => path === context.disk.path)
  const found: Found[] = []
  for (const path of disk?.partitions ?? []) {
    const { stdout } = await attempt(context, ['blkid', '--probe', '--output', 'export', path])
    const value = (name: string) => new RegExp(`^${name}=(.*)$`, 'm').exec(stdout)?.[1] ?? ''
    found.push({ path, type: value('TYPE'), label: value('LABEL') })
  }
  return found
}

/** The image's partition for cloud-init; undefined when it has none. */
export const cidataOf = async (context: StepContext): Promise<string | undefined> =>
  (await partitionsOf(context)).find(
    ({ type, label }) => type === 'vfat' && label.toUpperCase() === 'CIDATA',
  )?.path

/** Does the work in the image's own root file system: the one that says which system it is. Throws `step.image`. */
export async function withImageRoot(
  context: StepContext,
  work: (root: string) => Promise<void>,
): Promise<void> {
  const { os, newRoot } = context
  const root = at(os, newRoot)
  await mkdir(root, { recursive: true })
  for (const { path, type } of await partitionsOf(context)) {
    if (!LINUX.has(type)) continue
    await must(context, ['mount', path, newRoot])
    try {
      await assertInside(root, 'etc')
      const isRoot = ['etc/os-release', 'usr/lib/os-release'].some((name) =>
        existsSync(join(root, name)),
      )
      if (isRoot) {
        await work(root)
        return
      }
    } finally {
      await must(context, ['umount', newRoot])
    }
  }
  throw stepFaults.image(
    'no partition of the image has an /etc/os-release: there is no place for what cloud-init reads; give the image a vfat partition labelled CIDATA',
  )
}
