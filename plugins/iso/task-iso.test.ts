// SPDX-License-Identifier: AGPL-3.0-or-later
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import * as v from 'valibot'
import { readImage } from '../../core/media.ts'
import { MiB } from '../../core/units.ts'
import { imageSource } from './byte-source.ts'
import { openIso } from './open-iso.ts'
import { digest, run, temporaryFolder } from './real-tools.ts'
import { type TaskInputs, taskIsoOptions, writeTaskIso } from './task-iso.ts'

const GOLDEN = join(import.meta.dir, '../../test/golden/task-iso.txt')
const text = (value: string) => new TextEncoder().encode(value)

const inputs: TaskInputs = {
  recipe: {
    task_target: 'install-linux.target',
    schema_version: '1.0',
    target_disk: '/dev/nvme0n1',
    user_data: '#cloud-config\nhostname: grüße\n',
  },
  recipeSchema: { $schema: 'http://json-schema.org/draft-07/schema#', type: 'object' },
  jobDocument: {
    schema: 'slipway.job/1',
    job_id: '7f9c24e8-3b1a-4c5d-9e6f-0a1b2c3d4e5f',
    serials: ['SN-1', 'ALIAS-1'],
    base_urls: ['https://192.0.2.10:8443'],
    claim_url: '/api/v1/claim/7f9c24e8-3b1a-4c5d-9e6f-0a1b2c3d4e5f',
    report_url: '/api/v1/status-webhook/SN-1',
    log_url: '/api/v1/jobs/7f9c24e8-3b1a-4c5d-9e6f-0a1b2c3d4e5f/log',
    token: '00112233445566778899aabbccddeeff',
  },
  workflow: {
    target: 'install-linux.target',
    recipe: v.unknown(),
    check() {},
    files: (recipe) => new Map([['user-data', text(String(recipe['user_data']))]]),
  },
}

const withFile = (path: string, bytes: Uint8Array): TaskInputs => ({
  ...inputs,
  workflow: { ...inputs.workflow, files: () => new Map([[path, bytes]]) },
})

let folder: Awaited<ReturnType<typeof temporaryFolder>>
let path: string
beforeAll(async () => {
  folder = await temporaryFolder()
  path = join(folder.path, 'task.iso')
})
afterAll(() => folder[Symbol.asyncDispose]())

describe('the task ISO', () => {
  test('holds recipe, schema, job and the files of the workflow, canonical and at the root', async () => {
    const image = await openIso(imageSource(await writeTaskIso(path, inputs)))
    const read = async (file: string) => new TextDecoder().decode(await image.readFile(file))
    expect(image.volumeId).toMatch(/^TASK_[0-9A-F]{11}$/)
    expect(await read('/recipe.json')).toBe(
      '{"schema_version":"1.0","target_disk":"/dev/nvme0n1","task_target":"install-linux.target",' +
        '"user_data":"#cloud-config\\nhostname: grüße\\n"}',
    )
    expect(JSON.parse(await read('/job.json'))).toEqual(inputs.jobDocument)
    expect(JSON.parse(await read('/recipe.schema.json'))).toEqual(inputs.recipeSchema)
    expect(await read('/user-data')).toBe('#cloud-config\nhostname: grüße\n')
    expect((await image.list()).map((entry) => [entry.path, entry.mode])).toEqual([
      ['/job.json', 0o100444],
      ['/recipe.json', 0o100444],
      ['/recipe.schema.json', 0o100444],
      ['/user-data', 0o100444],
    ])
  })

  test('is the same, etag and all, when a job is launched again', async () => {
    const first = await writeTaskIso(path, inputs)
    const firstBytes = await Bun.file(path).bytes()
    const again = await writeTaskIso(path, structuredCloneOfInputs())
    expect(again).toEqual(first)
    expect(await Bun.file(path).bytes()).toEqual(firstBytes)
    expect(first.etag).toBe(`"sha256-${digest(firstBytes)}"`)
  })

  test.each<readonly [string, TaskInputs]>([
    ['the recipe', { ...inputs, recipe: { ...inputs.recipe, notes: '' } }],
    ['the schema', { ...inputs, recipeSchema: {} }],
    ['the job', { ...inputs, jobDocument: { ...inputs.jobDocument, token: 'f'.repeat(32) } }],
    ['a payload', withFile('user-data', text('#cloud-config\n'))],
    ['the name of a payload', withFile('user_data', text('#cloud-config\nhostname: grüße\n'))],
  ])('has another volume id when %s differs', (_, other) => {
    expect(taskIsoOptions(other).volumeId).not.toBe(taskIsoOptions(inputs).volumeId)
  })

  test('is for its owner alone, and is described whole for the media server', async () => {
    const image = await writeTaskIso(path, inputs)
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    let sizeBytes = 0
    for await (const piece of readImage(image)) sizeBytes += piece.length
    expect(image.sizeBytes).toBe(sizeBytes)
    const names = image.regions.map((region) => region.name)
    expect(names).toEqual([
      ...['volume descriptor', 'directories', 'directories'],
      ...['job.json', 'recipe.json', 'recipe.schema.json', 'files'],
    ])
  })

  test('is refused above 10 MiB, with the remedy, and none is left', async () => {
    await using other = await temporaryFolder()
    const attempt = writeTaskIso(
      join(other.path, 'task.iso'),
      withFile('ks.cfg', new Uint8Array(10 * MiB)),
    )
    await expect(attempt).rejects.toMatchObject({
      code: 'iso.too-large',
      message: expect.stringContaining('shorten user_data'),
    })
    expect(await readdir(other.path)).toEqual([])
  })

  test.each(['job.json', '/recipe.json'])('keeps %s for itself', (name) => {
    expect(() => taskIsoOptions(withFile(name, text('{}')))).toThrow(
      expect.objectContaining({ code: 'iso.invalid' }),
    )
  })

  test.each(['../up', 'a//b', 'nul\0'])('takes no file named %p', async (name) => {
    const attempt = writeTaskIso(join(folder.path, 'bad.iso'), withFile(name, text('x')))
    await expect(attempt).rejects.toMatchObject({ code: 'iso.name' })
  })

  test('has not changed since its golden file was reviewed', async () => {
    const { sizeBytes, etag } = await writeTaskIso(path, inputs)
    const listed = await run('isoinfo', '-R', '-l', '-i', path)
    const volume = taskIsoOptions(inputs).volumeId
    const lines = listed.split('\n').map((line) => line.trimEnd())
    const actual = [`volume ${volume}`, `size ${sizeBytes}`, `etag ${etag}`, ...lines].join('\n')
    if (process.env['UPDATE'] === '1') await Bun.write(GOLDEN, actual)
    expect(actual).toBe(await Bun.file(GOLDEN).text())
  })
})

/** The same inputs, but other objects with their keys in another order. */
function structuredCloneOfInputs(): TaskInputs {
  const backwards = <T extends object>(value: T): T =>
    Object.fromEntries(Object.entries(structuredClone(value)).reverse()) as T
  return {
    ...inputs,
    recipe: backwards(inputs.recipe),
    recipeSchema: backwards(inputs.recipeSchema),
    jobDocument: backwards(inputs.jobDocument),
  }
}
