// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { EXIT } from './exit.ts'
import { fakeApi, slipway, temporaryFolder } from './test-bed.ts'

const env = { SLIPWAY_TOKEN: 'token-1' }

test('a capture is written whole, for its owner alone, and says how much it holds', async () => {
  const document = { '#capture': {}, '/redfish/v1': {}, '/redfish/v1/Systems/1': {} }
  using api = fakeApi({ 'POST /api/v1/machines/XF-1/capture': () => document })
  await using folder = await temporaryFolder()
  const file = join(folder.path, 'capture.json')
  const capture = ['machine', 'capture', 'XF-1', '--url', api.url]
  const { code, stdout } = await slipway([...capture, '-o', file], { env })
  expect({ code, stdout }).toEqual({ code: EXIT.ok, stdout: `2 resources in ${file}\n` })
  expect(await Bun.file(file).json()).toEqual(document)
  expect((await Bun.file(file).stat()).mode & 0o777).toBe(0o600)
  expect((await slipway(capture, { env })).stderr).toContain('--output is needed')
})
