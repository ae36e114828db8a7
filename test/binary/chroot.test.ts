// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { copyFile, mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { executable, run, scratch, startServe } from './executable.ts'

/** What Debian's libc6 and libgcc-s1 give, where the loader looks for it. */
const LIBRARIES = [
  '/lib64/ld-linux-x86-64.so.2',
  ...['libc.so.6', 'libm.so.6', 'libdl.so.2', 'libpthread.so.0', 'librt.so.1', 'libgcc_s.so.1'].map(
    (name) => `/lib/x86_64-linux-gnu/${name}`,
  ),
]

/** A root folder with glibc, its loader, libgcc_s and the one file; /proc and /dev come at the start. */
async function makeRoot(path: string): Promise<void> {
  for (const folder of ['proc', 'dev', 'tmp']) await mkdir(join(path, folder), { recursive: true })
  for (const library of LIBRARIES) {
    await mkdir(join(path, dirname(library)), { recursive: true })
    await copyFile(library, join(path, library))
  }
  await copyFile(executable(), join(path, 'slipway'))
}

/** Its mounts are in a mount namespace of their own: they go with the process, whatever happens. */
const inside = (path: string) => {
  const steps = [
    `mount -t proc proc ${path}/proc`,
    `mount --rbind /dev ${path}/dev`,
    `exec chroot ${path} /slipway "$@"`,
  ]
  return ['unshare', '--mount', 'sh', '-c', steps.join(' && '), 'sh']
}

const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' }

test.skipIf(process.getuid?.() !== 0)(
  'a root with nothing but glibc is enough to serve (skipped unless root)',
  async () => {
    await using folder = await scratch()
    await makeRoot(folder.path)
    const command = inside(folder.path)

    const version = await run([...command, 'version'], { cwd: folder.path, env })
    expect(version).toMatchObject({
      code: 0,
      stderr: '',
      stdout: expect.stringContaining('slipway'),
    })

    const serving = await startServe({ command, cwd: folder.path, dataDir: '/data', env })
    try {
      const ready = await fetch(`${serving.local}/readyz`)
      expect({ status: ready.status, body: await ready.text() }).toMatchObject({ status: 200 })
    } finally {
      expect(await serving.stop()).toBe(0)
    }
  },
  60_000,
)
