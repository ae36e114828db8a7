// SPDX-License-Identifier: AGPL-3.0-or-later
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  insert,
  launchPlanOf,
  overrideOnce,
  powerOff,
  powerOn,
} from '../../test/fake-bmc/launch.ts'
import { jobDocument } from '../../test/fake-bmc/machine-images.ts'
import { setStage } from '../../test/fake-bmc/stage.ts'
import { type IsoContent, openFileSource, openIso, writeIso } from '../iso/index.ts'
import { readTaskMedium } from './task-medium.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'slipway-task-medium-'))
})
afterAll(() => rm(folder, { recursive: true }))

const recipe = { task_target: 'install-linux.target', target_disk: '/dev/sda' }
const bytes = (value: unknown) =>
  new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value))

async function write(path: string, volumeId: string, files: Record<string, unknown>) {
  const entries = Object.entries(files).map(([name, value]): [string, IsoContent] => [
    name,
    bytes(value),
  ])
  await writeIso(path, { volumeId, tree: new Map(entries) })
}

async function read(volumeId: string, files: Record<string, unknown>, at: '' | '/task' = '') {
  const path = join(folder, `${Bun.randomUUIDv7()}.iso`)
  await write(path, volumeId, files)
  await using source = await openFileSource(path)
  return await readTaskMedium(await openIso(source), at)
}

const job = jobDocument({})

describe('a task medium', () => {
  test('is known by its label and /job.json', async () => {
    const files = { '/job.json': job, '/recipe.json': recipe }
    expect(await read('TASK_0123456789A', files)).toEqual({ job, recipe })
    expect(await read('DATA', files)).toBeUndefined()
    expect(await read('TASK_0123456789A', { '/recipe.json': recipe })).toBeUndefined()
  })

  test('stands below /task of a composed medium, whatever its label', async () => {
    const files = { '/task/job.json': job, '/task/recipe.json': recipe }
    expect(await read('MAINTENANCE', files, '/task')).toEqual({ job, recipe })
    expect(await read('TASK_0123456789A', files)).toBeUndefined()
  })

  test('of a later appliance may say more than is known', async () => {
    const files = { '/job.json': { ...job, later: 1 }, '/recipe.json': recipe }
    expect(await read('TASK_0123456789A', files)).toEqual({ job, recipe })
  })

  test.each([
    ['no JSON', { '/job.json': '{', '/recipe.json': recipe }],
    ['a job of another schema', { '/job.json': { ...job, schema: 'x/9' }, '/recipe.json': recipe }],
    ['a recipe without target', { '/job.json': job, '/recipe.json': {} }],
    ['no recipe', { '/job.json': job }],
  ])('with %s is refused', async (_, files) => {
    await expect(read('TASK_0123456789A', files)).rejects.toThrow()
  })
})

test('of several media the machine skips those of others and those it can not read', async () => {
  await using stage = await setStage({ spec: { personality: 'supermicro-x13' } })
  const { machine, appliance, images } = stage
  const base_urls = [appliance.url]
  const other = jobDocument({ serials: ['S2'], base_urls })
  await write(join(stage.folder, 'other.iso'), 'TASK_0123456789B', {
    '/job.json': other,
    '/recipe.json': recipe,
  })
  const { boot, task, target } = launchPlanOf(machine)
  await powerOff(machine)
  await insert(machine, boot, images.url('boot.iso'))
  await insert(machine, task, images.url('other.iso'))
  await insert(machine, boot.replace(/1$/, '3'), images.url('task.iso'))
  await overrideOnce(machine, target)
  await powerOn(machine)
  await machine.waitFor((state) => state.power === 'Off' && state.stage === 'reported')
  expect(appliance.claims().map(({ body }) => body.serial)).toEqual(['S1'])
  expect(appliance.reports().map(({ body }) => body.status)).toEqual(['success'])
})

test('a task medium that is broken is told, and the machine waits', async () => {
  await using stage = await setStage()
  await write(join(stage.folder, 'task.iso'), 'TASK_0123456789A', { '/job.json': '{' })
  await stage.launch()
  await stage.machine.waitFor((state) => state.stage === 'idle')
  expect(stage.events.find(({ what }) => what === 'unreadable')?.detail).toContain('JSON')
  expect(stage.appliance.messages).toEqual([])
})
