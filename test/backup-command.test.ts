// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { EXIT } from '../appliance/cli/exit.ts'
import { slipway, temporaryFolder } from '../appliance/cli/test-bed.ts'
import { applianceProcess } from './process.ts'

test('`slipway backup` and `slipway restore` take an appliance to another folder', async () => {
  await using folder = await temporaryFolder()
  await using appliance = await applianceProcess()
  await appliance.start()
  const file = join(folder.path, 'backup.tar')
  const target = ['--url', appliance.url, '--data', appliance.dataDir]
  const made = await slipway(['backup', '-o', file, ...target])
  expect(made).toMatchObject({ code: EXIT.ok, stderr: '' })
  expect(made.stdout).toContain('slipway.db, admin.token, keys/ca.pem, keys/seal.key')
  expect((await stat(file)).mode & 0o777).toBe(0o600)
  expect(await readdir(folder.path)).toEqual(['backup.tar'])

  const again = await slipway(['backup', '-o', file, ...target])
  expect(again).toMatchObject({ code: EXIT.failure, stderr: `slipway: ${file} exists already\n` })

  const running = await slipway(['restore', file, '--data', appliance.dataDir])
  expect(running.code).not.toBe(EXIT.ok)
  expect(running.stderr).toContain('another slipway (pid')

  const data = join(folder.path, 'new')
  const restored = await slipway(['restore', file, '--data', data])
  expect(restored).toMatchObject({ code: EXIT.ok, stderr: '' })
  expect(restored.stdout).toContain(`start it with \`slipway serve --data ${data}\``)
  expect((await readdir(data)).toSorted()).toEqual(['admin.token', 'keys', 'slipway.db'])
})

test('a backup without keys says what must be kept; its restore asks for the key', async () => {
  await using folder = await temporaryFolder()
  await using appliance = await applianceProcess()
  await appliance.start()
  const file = join(folder.path, 'offsite.tar')
  const target = ['--url', appliance.url, '--data', appliance.dataDir]
  const made = await slipway(['backup', '--no-keys', '--output', file, ...target])
  expect(made.stderr).toContain('keep `keys/` of the data folder elsewhere')

  const data = join(folder.path, 'new')
  const refused = await slipway(['restore', file, '--data', data, '--json'])
  expect(JSON.parse(refused.stdout)).toMatchObject({ code: 'backup.key' })
  const key = join(appliance.dataDir, 'keys', 'seal.key')
  expect(await slipway(['restore', file, '--data', data, '--key', key])).toMatchObject({
    code: EXIT.ok,
  })
})

test('the configuration comes back too, and what it would surprise with is said', async () => {
  await using folder = await temporaryFolder()
  await using appliance = await applianceProcess()
  // It runs in its data folder, where this is found.
  const config = join(appliance.dataDir, 'slipway.toml')
  await writeFile(config, `[store]\nurl = "file:${join(folder.path, 'elsewhere.db')}"\n`)
  await appliance.start()
  const file = join(folder.path, 'backup.tar')
  await slipway(['backup', '-o', file, '--url', appliance.url, '--data', appliance.dataDir])
  const data = join(folder.path, 'new')
  const { code, stdout } = await slipway(['restore', file, '--data', data])
  expect(code).toBe(EXIT.ok)
  expect(stdout).toContain('its `store.url` names a database elsewhere')
  expect(stdout).toContain(`--data ${data} --config ${data}/slipway.toml`)
  expect(await readFile(join(data, 'slipway.toml'), 'utf8')).toBe(await readFile(config, 'utf8'))
})

test('what is no backup is refused before the disk is touched', async () => {
  await using folder = await temporaryFolder()
  const file = join(folder.path, 'x.tar')
  await writeFile(file, 'x'.repeat(2_048))
  const data = join(folder.path, 'new')
  const { code, stderr } = await slipway(['restore', file, '--data', data])
  expect(code).toBe(EXIT.refused)
  expect(stderr).toContain('is no whole tar archive')
  expect(await readdir(data)).toEqual([])
})
