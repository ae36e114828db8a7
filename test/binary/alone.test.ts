// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { copyFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { $ } from 'bun'
import { executable, residentBytes, root, run, scratch, startServe } from './executable.ts'

test('the file alone, in an empty folder with an empty environment, knows its commit', async () => {
  await using folder = await scratch()
  await copyFile(executable(), join(folder.path, 'slipway'))
  const { code, stdout, stderr } = await run(['./slipway', 'version', '--json'], {
    cwd: folder.path,
  })
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  const version = JSON.parse(stdout) as Record<string, string>
  const commit = version['commit']?.replace(/-dirty$/, '') ?? ''
  const committed = await $`git -c safe.directory=${root} show --no-patch --format=%cI ${commit}`
    .cwd(root)
    .text()
  expect(version['commit_date']).toBe(committed.trim())
  expect(version['version']).toMatch(/^\d+\.\d+\.\d+/)
  expect(await readdir(folder.path)).toEqual(['slipway'])
})

test('the bunfig.toml of the working folder is not executed', async () => {
  await using folder = await scratch()
  await Bun.write(join(folder.path, 'bunfig.toml'), 'preload = ["./preload.ts"]\n')
  const preload = "require('node:fs').writeFileSync('executed', '')"
  await Bun.write(join(folder.path, 'preload.ts'), preload)
  const executed = Bun.file(join(folder.path, 'executed'))

  await run([executable(), 'version'], { cwd: folder.path })
  expect(await executed.exists()).toBe(false)

  await run([process.execPath, 'run', 'preload.ts'], { cwd: folder.path })
  expect(await executed.exists()).toBe(true)
})

test('the .env of the working folder is not read', async () => {
  await using folder = await scratch()
  await Bun.write(join(folder.path, '.env'), 'SLIPWAY_LOG_LEVEL=nonsense\n')
  const check = [executable(), 'config', 'check']
  expect(await run(check, { cwd: folder.path })).toMatchObject({ code: 0 })

  const env = { SLIPWAY_LOG_LEVEL: 'nonsense' }
  const refused = await run(check, { cwd: folder.path, env })
  expect(refused.code).not.toBe(0)
  expect(refused.stderr).toContain('SLIPWAY_LOG_LEVEL')
})

/** Large enough for a file of its own, which the registry's thread hashes. Resolves with the status. */
async function pushBlob(origin: string, dataDir: string): Promise<number> {
  const token = (await Bun.file(join(dataDir, 'admin.token')).text()).trim()
  const headers = { Authorization: `Bearer ${token}` }
  const body = crypto.getRandomValues(new Uint8Array(65_536)).toHex().repeat(10)
  const digest = new Bun.CryptoHasher('sha256').update(body).digest('hex')
  const begun = `${origin}/v2/t/alone/blobs/uploads/?digest=sha256:${digest}`
  return (await fetch(begun, { method: 'POST', body, headers })).status
}

test('it serves from an empty folder and ends with 0 on SIGTERM', async () => {
  await using folder = await scratch()
  const env = { TMPDIR: folder.path }
  const dataDir = join(folder.path, 'data')
  const serving = await startServe({ command: [executable()], cwd: folder.path, dataDir, env })
  try {
    const bytes = await residentBytes(serving.process.pid)
    const start = `${serving.readyMs.toFixed(0)} ms to the first answer`
    console.log(`measured: first start ${start}, ${(bytes / 1_000_000).toFixed(0)} MB resident`)
    for (const origin of [serving.local, serving.field, serving.https]) {
      const response = await fetch(`${origin}/healthz`, { tls: { rejectUnauthorized: false } })
      expect(response.status).toBe(200)
    }
    expect(await pushBlob(serving.local, dataDir)).toBe(201)
  } finally {
    expect(await serving.stop()).toBe(0)
  }
}, 60_000)

test('of two on one data folder the second is refused, naming the first', async () => {
  await using folder = await scratch()
  const dataDir = join(folder.path, 'data')
  const serving = await startServe({ command: [executable()], cwd: folder.path, dataDir })
  const again = await run([executable(), 'serve', '--data', dataDir], { cwd: folder.path })
  expect(again).toMatchObject({
    code: 1,
    stderr: expect.stringContaining(`pid ${serving.process.pid} on`),
  })
  await serving.stop()
})
