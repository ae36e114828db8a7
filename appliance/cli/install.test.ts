// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { EXIT } from './exit.ts'
import { slipway, temporaryFolder } from './test-bed.ts'

test('a dry run shows files and unit, and writes nothing', async () => {
  await using folder = await temporaryFolder()
  const { code, stdout } = await slipway(['install', '--dry-run', '--root', folder.path])
  expect(code).toBe(EXIT.ok)
  expect(stdout).toContain(`0755 ${folder.path}/usr/local/bin/slipway  write`)
  expect(stdout).toContain(
    'ExecStart=/usr/local/bin/slipway serve --config /etc/slipway/slipway.toml',
  )
  expect(await readdir(folder.path)).toEqual([])
})

test('the ports of the configuration that is there decide on the capability', async () => {
  await using folder = await temporaryFolder()
  await mkdir(join(folder.path, 'etc/slipway'), { recursive: true })
  await writeFile(join(folder.path, 'etc/slipway/slipway.toml'), '[server]\nhttps = ":443"\n')
  const args = ['install', '--dry-run', '--json', '--root', folder.path, '--service-user', 'prov']
  const { files } = JSON.parse((await slipway(args)).stdout)
  const unit = files.find(({ path }: { path: string }) => path.endsWith('.service'))
  expect(unit.text).toContain('CapabilityBoundingSet=CAP_NET_BIND_SERVICE')
  expect(unit.text).toContain('User=prov')
  expect(files[1]).toMatchObject({ outcome: 'kept' })
})

test('from source there is nothing to install', async () => {
  await using folder = await temporaryFolder()
  const { code, stderr } = await slipway(['install', '--root', folder.path])
  expect({ code, stderr }).toMatchObject({
    code: EXIT.failure,
    stderr: expect.stringContaining('build the executable'),
  })
  expect(await readdir(folder.path)).toEqual([])
})
