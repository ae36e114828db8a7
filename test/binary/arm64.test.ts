// SPDX-License-Identifier: AGPL-3.0-or-later
import { beforeAll, expect, test } from 'bun:test'
import { join } from 'node:path'
import { executable, root, run, scratch, startServe } from './executable.ts'

/** The first build fetches runtime and addon from npm. */
const BUILD_LIMIT_MS = 300_000
/** Emulated, a start takes seconds. */
const RUN_LIMIT_MS = 120_000
const emulator = ['qemu-aarch64-static', '-L', '/usr/aarch64-linux-gnu']

beforeAll(async () => {
  if (!Bun.which('qemu-aarch64-static')) {
    throw new Error('qemu-aarch64-static is missing: scripts/test installs it')
  }
  const command = [process.execPath, 'scripts/build.ts', '--target', 'linux-arm64']
  const build = Bun.spawn(command, { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] })
  if ((await build.exited) !== 0) throw new Error('the build for arm64 failed')
}, BUILD_LIMIT_MS)

test(
  'the arm64 file tells its version on an emulated processor',
  async () => {
    await using folder = await scratch()
    const command = [...emulator, executable('slipway-linux-arm64'), 'version']
    const env = { PATH: '/usr/bin:/bin' }
    expect(await run(command, { cwd: folder.path, env })).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('slipway'),
    })
  },
  RUN_LIMIT_MS,
)

test(
  'the arm64 file serves, with its database addon, and ends with 0 on SIGTERM',
  async () => {
    await using folder = await scratch()
    const serving = await startServe({
      command: [...emulator, executable('slipway-linux-arm64')],
      cwd: folder.path,
      dataDir: join(folder.path, 'data'),
      env: { PATH: '/usr/bin:/bin', TMPDIR: folder.path },
    })
    try {
      const ready = await fetch(`${serving.local}/readyz`)
      expect({ status: ready.status, body: await ready.text() }).toMatchObject({ status: 200 })
    } finally {
      expect(await serving.stop()).toBe(0)
    }
  },
  RUN_LIMIT_MS,
)
