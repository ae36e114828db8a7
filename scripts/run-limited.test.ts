// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { runLimited } from './run-limited.ts'

test('gives the exit code and what was printed on both channels', async () => {
  const run = await runLimited(['sh', '-c', 'echo out; echo err >&2; exit 3'], 10_000, 'capture')
  expect(run).toEqual({ code: 3, output: 'out\nerr\n' })
})

test('kills at the limit, with everything that was started', async () => {
  const run = await runLimited(['sh', '-c', 'sleep 60 & echo $!; wait'], 300, 'capture')
  expect(run.code).toBe(124)
  expect(run.output).toContain('killed after 0.3 s')
  const grandchild = run.output.split('\n')[0]
  // killed, but perhaps not reaped yet by init
  const stat = Bun.file(`/proc/${grandchild}/stat`)
  const state = existsSync(`/proc/${grandchild}`) ? (await stat.text()).split(' ')[2] : 'gone'
  expect(['gone', 'Z']).toContain(state ?? '')
})
