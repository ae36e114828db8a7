// SPDX-License-Identifier: AGPL-3.0-or-later
import { afterEach, beforeEach, expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ownDataFolder } from './own-data-folder.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'slipway-data-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

test('a data folder that is missing is made, and let go with its lock', async () => {
  const path = join(folder, 'a/b')
  {
    await using _ = await ownDataFolder(path)
    expect(existsSync(join(path, 'slipway.lock'))).toBe(true)
    await expect(ownDataFolder(path)).rejects.toMatchObject({ code: 'lock.held' })
  }
  expect(existsSync(join(path, 'slipway.lock'))).toBe(false)
})

test.each([
  ['a file', () => join(folder, 'file')],
  ['below a file', () => join(folder, 'file/data')],
  ['where nobody may write', () => '/proc/slipway'],
])('a data folder that is %s is told with its path and what to do', async (_, path) => {
  await writeFile(join(folder, 'file'), '')
  await expect(ownDataFolder(path())).rejects.toMatchObject({
    code: 'data-folder.unusable',
    message: expect.stringMatching(/data folder \/.*--data/),
  })
})
