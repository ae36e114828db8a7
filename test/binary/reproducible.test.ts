// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { root, run } from './executable.ts'

test('two builds of one commit in two folders are the same bytes', async () => {
  const command = [process.execPath, 'scripts/build.ts', '--check-reproducible']
  const { code, stdout, stderr } = await run(command, {
    cwd: root,
    env: { ...Bun.env } as Record<string, string>,
  })
  console.log(stdout.trim())
  expect({ code, stderr }).toMatchObject({ code: 0 })
}, 300_000)
