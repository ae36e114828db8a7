// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * What goes wrong on a real machine: one report, the right unit, media out, and the next job on that
 * machine works. Not a part of `scripts/test`. Run by `scripts/soak e2e failures [NAME]`.
 */
import { expect, test } from 'bun:test'
import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { MINUTE, SECOND } from '../../core/units.ts'
import type { JobView } from '../../schemas/job.ts'
import { install } from './install.ts'
import { layoutFor, linuxRecipe, type Stage } from './stage.ts'
import { artifacts, type OwnStage, ownStage } from './theatre.ts'

/** A drop-in for a unit of the maintenance OS: its systemd takes them from the firmware's tables. */
const dropIn = (unit: string, lines: string) => ({
  credentials: { [`systemd.unit-dropin.${unit}.service`]: `[Service]\n${lines}\n` },
})

interface Cell {
  readonly name: string
  readonly extras?: ReturnType<typeof dropIn>
  readonly recipe?: Readonly<Record<string, unknown>>
  /** Before the job; gives what undoes it. */
  readonly prepare?: (stage: Stage) => Promise<() => Promise<void>>
  readonly failedStep: string
  readonly says: RegExp
}

const CELLS: readonly (readonly Cell[])[] = [
  [
    {
      name: 'partition ends with a code',
      extras: dropIn('partition', 'ExecStartPre=/bin/false'),
      failedStep: 'partition.service',
      says: /status=1/,
    },
    {
      name: 'image takes longer than it may',
      extras: dropIn('image-linux', 'TimeoutStartSec=4s'),
      failedStep: 'image-linux.service',
      says: /longer than it may/,
    },
  ],
  [
    {
      name: 'bootloader is killed',
      extras: dropIn('bootloader-linux', "ExecStartPre=/bin/sh -c 'kill -9 $$$$'"),
      failedStep: 'bootloader-linux.service',
      says: /kill|signal/i,
    },
    {
      name: 'disk is full',
      recipe: { partition_layout: layoutFor('ovmf', '120MiB'), overwrite: 'any' },
      failedStep: 'image-linux.service',
      says: /space|full/i,
    },
  ],
  [
    {
      name: 'bytes of the image are not what was pushed',
      prepare: ({ appliance }) => spoilImage(join(appliance.dataDir, 'oci')),
      failedStep: 'image-linux.service',
      says: /digest|sha256|corrupt|damaged/i,
    },
  ],
]

/** Turns over one byte of the largest blob. */
async function spoilImage(folder: string): Promise<() => Promise<void>> {
  const paths = (await readdir(folder, { recursive: true })).map((each) => join(folder, each))
  const files = await Promise.all(paths.map(async (path) => ({ path, at: await stat(path) })))
  const [largest] = files.filter(({ at }) => at.isFile()).toSorted((a, b) => b.at.size - a.at.size)
  if (!largest) throw new Error('there is no blob')
  const bytes = await readFile(largest.path)
  const place = Math.floor(bytes.byteLength / 2)
  const turn = async () => {
    bytes[place] = (bytes[place] ?? 0) ^ 0xff
    await writeFile(largest.path, bytes)
  }
  await turn()
  return turn
}

/** Runs a job to its end; what must hold of every job that failed. */
async function fail({ stage, key, console: tail }: OwnStage, cell: Cell): Promise<JobView> {
  stage.machine.extras = cell.extras ?? { credentials: {} }
  const undo = await cell.prepare?.(stage)
  // What the cell before left on the disk is no reason.
  const recipe = { ...linuxRecipe('ovmf', 'node', key.publicLine), overwrite: 'any' }
  const id = await stage.submit({ ...recipe, ...cell.recipe })
  const job = await stage.until(id, ({ status }) => status === 'complete')
  await undo?.()
  stage.machine.extras = { credentials: {} }
  const told = [job.result, job.failed_step]
  expect({ cell: cell.name, told, console: told[1] ? '' : await tail() }).toEqual({
    ...{ cell: cell.name, told: ['failed', cell.failedStep], console: '' },
  })
  expect(job.failed_reason).toMatch(cell.says)
  expect(job.evidence?.filter(({ level }) => level === 'reported')).toHaveLength(1)
  const { drives, override, power } = stage.controller.state()
  expect([drives.filter(({ occupied }) => occupied), override.enabled, power]).toEqual([
    ...[[], 'Disabled', 'Off'],
  ])
  console.error(`${cell.name}: ${job.failed_step}: ${job.failed_reason}`)
  return job
}

test.each(CELLS.map((cells) => ({ name: cells.map(({ name }) => name).join(', then '), cells })))(
  '$name',
  async ({ cells }) => {
    await using own = await ownStage(await artifacts(console.error))
    for (const cell of cells) await fail(own, cell)
  },
  20 * MINUTE,
)

test(
  'a cable that is pulled for a while in the middle of the image costs that while',
  async () => {
    await using own = await ownStage(await artifacts(console.error))
    const { stage, key } = own
    let pulled = false
    const { job, hostname } = await install(stage, key, 'node-0004', {
      async seen({ progress, evidence }) {
        if (pulled || (progress?.pull?.percent ?? 0) < 30) return
        pulled = true
        const before = evidence?.length ?? 0
        await stage.machine.setLink(false)
        console.error(`the cable is out at ${progress?.pull?.percent} %, ${before} seen`)
        setTimeout(() => void stage.machine.setLink(true), 20 * SECOND)
      },
    })
    const reason = job.failed_reason ?? (job.result === 'succeeded' ? '' : await own.console())
    expect([pulled, job.result, reason, hostname]).toEqual([true, 'succeeded', '', 'node-0004'])
  },
  20 * MINUTE,
)

test(
  'a job that is canceled while the machine boots leaves it off, its media out and their URLs ended',
  async () => {
    await using own = await ownStage(await artifacts(console.error))
    const { stage, key } = own
    const id = await stage.submit(linuxRecipe('ovmf', 'node', key.publicLine))
    await stage.until(
      id,
      ({ evidence }) => evidence?.some(({ region }) => region === 'kernel') === true,
    )
    await stage.appliance.command('job', 'cancel', id)
    const job = await stage.until(id, ({ status }) => status === 'complete')
    expect([job.result, job.claimed_at, job.cleanup]).toEqual(['canceled', undefined, 'done'])
    const { drives, override, power, boots } = stage.controller.state()
    expect([drives.filter(({ occupied }) => occupied), override.enabled, power]).toEqual([
      ...[[], 'Disabled', 'Off'],
    ])
    expect(boots).toHaveLength(1)
    const [image] = stage.controller.imageReads
    expect((await fetch(image?.url ?? '')).status).toBe(404)
  },
  8 * MINUTE,
)
