// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { readFile } from 'node:fs/promises'
import { runLimited } from './run-limited.ts'

test('gives the exit code and what was printed on both channels', async () => {
  const run = await runLimited(['sh', '-c', 'echo out; echo err >&2; exit 3'], 10_000, 'capture')
  expect(run).toEqual({ code: 3, output: 'out\nerr\n' })
})

test('kills at the limit, with everything that was started', async () => {
  const run = await runLimited(['sh', '-c', 'sleep 60 & echo $!; wait'], 300, 'capture')
  expect(run.code).toBe(124)
  expect(run.output).toContain('killed after 0.3 s')
  await deathOf(run.output.split('\n')[0] ?? '')
})

/** Killed processes close their files before they are gone, and may wait for init to be reaped. */
async function deathOf(pid: string): Promise<void> {
  for (;;) {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '0 (gone) Z')
    if (/\) [ZX]/.test(stat)) return
    await Bun.sleep(5)
  }
}
