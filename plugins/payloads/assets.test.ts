// SPDX-License-Identifier: AGPL-3.0-or-later
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PAYLOAD_LIMIT } from '../../schemas/recipe-payload.ts'
import { readAsset } from './assets.ts'

let folder = ''
let assets = ''

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'slipway-assets-'))
  assets = join(folder, 'assets')
  await mkdir(join(assets, 'web'), { recursive: true })
  await mkdir(join(folder, 'assets-of-others'))
  await writeFile(join(assets, 'web', 'user-data'), '#cloud-config\n')
  await writeFile(join(folder, 'secret'), 'secret')
  await writeFile(join(folder, 'assets-of-others', 'secret'), 'secret')
  await writeFile(join(assets, 'full'), new Uint8Array(PAYLOAD_LIMIT))
  await writeFile(join(assets, 'too-large'), new Uint8Array(PAYLOAD_LIMIT + 1))
  await symlink('web/user-data', join(assets, 'inside'))
  await symlink('../secret', join(assets, 'outside'))
  await symlink('/etc', join(assets, 'etc'))
  await symlink('../assets-of-others', join(assets, 'neighbour'))
  await symlink('nothing', join(assets, 'dangling'))
  await Bun.$`mkfifo ${join(assets, 'pipe')}`
})

afterAll(() => rm(folder, { recursive: true, force: true }))

test.each(['web/user-data', 'inside'])('%s is read', async (path) => {
  expect(new TextDecoder().decode(await readAsset(assets, path))).toBe('#cloud-config\n')
})

test('a file of exactly the limit is read', async () => {
  expect(await readAsset(assets, 'full')).toHaveLength(PAYLOAD_LIMIT)
})

test('assets_dir may itself be reached through a link', async () => {
  await symlink('assets', join(folder, 'link'))
  expect(await readAsset(join(folder, 'link'), 'inside')).toHaveLength(14)
})

test.each([
  ['outside', 'payload.outside'],
  ['etc/passwd', 'payload.outside'],
  ['neighbour/secret', 'payload.outside'],
  ['../secret', 'payload.outside'],
  ['web/../../secret', 'payload.outside'],
  ['dangling', 'payload.not-found'],
  ['nothing', 'payload.not-found'],
  ['web', 'payload.not-found'],
  ['pipe', 'payload.not-found'],
  ['web/user-data/x', 'payload.not-found'],
  ['too-large', 'payload.too-large'],
])('%s is refused as %s', async (path, code) => {
  expect(await readAsset(assets, path).catch((error: unknown) => error)).toMatchObject({ code })
})

test('without a configured folder the remedy names the key', async () => {
  const error = await readAsset('', 'a').catch((reason: unknown) => reason)
  expect(error).toMatchObject({ code: 'payload.no-assets-dir' })
  expect(String(error)).toContain('assets_dir')
})

test('a configured folder that is not there is told apart from a missing file', async () => {
  const error = await readAsset(join(folder, 'gone'), 'a').catch((reason: unknown) => reason)
  expect(String(error)).toContain('assets_dir in [payloads] names a folder')
})
