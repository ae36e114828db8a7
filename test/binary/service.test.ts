// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { executable, run, scratch, startServe } from './executable.ts'

const needs = ['strace', 'systemd-analyze'].filter((tool) => !Bun.which(tool))
const traced = needs.length === 0 ? test : test.skip
const why = needs.length === 0 ? '' : ` (skipped: there is no ${needs.join(', no ')})`

/** All system calls of a group of systemd's, groups inside it too. */
async function callsOf(group: string): Promise<string[]> {
  const { stdout } = await run([Bun.which('systemd-analyze') ?? '', 'syscall-filter', group], {
    cwd: '/',
  })
  const names = stdout
    .split('\n')
    .slice(1)
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
  const inner = await Promise.all(
    names.map((name) => (name.startsWith('@') ? callsOf(name) : Promise.resolve([name]))),
  )
  return inner.flat()
}

traced(
  `its system calls, a backup among them, are those that the unit allows${why}`,
  async () => {
    await using folder = await scratch()
    const trace = join(folder.path, 'trace')
    // -D: the traced process is our child, and gets our signal.
    const command = [Bun.which('strace') ?? '', '-D', '-f', '-qq', '-o', trace, executable()]
    const dataDir = join(folder.path, 'data')
    const env = { TMPDIR: folder.path, PATH: process.env['PATH'] ?? '' }
    const serving = await startServe({ command, cwd: folder.path, dataDir, env })
    const archive = join(folder.path, 'backup.tar')
    try {
      const target = ['--url', serving.local, '--data', dataDir]
      const made = await run([executable(), 'backup', '-o', archive, ...target], {
        cwd: folder.path,
      })
      expect(made).toMatchObject({ code: 0, stderr: '' })
    } finally {
      expect(await serving.stop()).toBe(0)
    }
    const used = new Set(
      [...(await Bun.file(trace).text()).matchAll(/^\d+ +(\w+)\(/gm)].map(([, name]) => name),
    )
    expect(used.size).toBeGreaterThan(30)
    const allowed = new Set([...(await callsOf('@system-service')), ...(await callsOf('@default'))])
    expect([...used].filter((name) => name !== undefined && !allowed.has(name))).toEqual([])

    const restored = join(folder.path, 'restored')
    const back = await run([executable(), 'restore', archive, '--data', restored], {
      cwd: folder.path,
    })
    expect(back).toMatchObject({ code: 0, stderr: '' })
    expect((await readdir(restored)).toSorted()).toEqual(['admin.token', 'keys', 'slipway.db'])
  },
  60_000,
)

test('it installs itself into an image', async () => {
  await using folder = await scratch()
  const root = join(folder.path, 'image')
  const { code, stderr } = await run([executable(), 'install', '--root', root], {
    cwd: folder.path,
  })
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  const installed = join(root, 'usr/local/bin/slipway')
  expect(await run([installed, 'version'], { cwd: folder.path })).toMatchObject({ code: 0 })
  const config = join(root, 'etc/slipway/slipway.toml')
  expect(
    await run([installed, 'config', 'check', '--config', config], { cwd: folder.path }),
  ).toMatchObject({ code: 0 })
})
