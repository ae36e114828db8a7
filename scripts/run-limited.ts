// SPDX-License-Identifier: AGPL-3.0-or-later

export interface LimitedRun {
  /** Exit code; 124 when the limit was hit, as timeout(1) has it. */
  readonly code: number
  /** stdout, then stderr; empty when inherited. */
  readonly output: string
}

/**
 * Runs a command in a process group of its own and kills the whole group at the limit, and when we are
 * interrupted: a test that hangs must not leave its servers behind.
 */
export async function runLimited(
  command: readonly string[],
  limitMs: number,
  output: 'inherit' | 'capture',
): Promise<LimitedRun> {
  const stream = output === 'inherit' ? 'inherit' : 'pipe'
  const child = Bun.spawn([...command], {
    detached: true,
    stdio: ['ignore', stream, stream],
    // Bun then refuses `test.only` and new snapshots
    env: { ...process.env, CI: 'true' },
  })
  let timedOut = false
  const killGroup = () => process.kill(-child.pid, 'SIGKILL')
  const timer = setTimeout(() => {
    timedOut = true
    killGroup()
  }, limitMs)
  const interrupted = () => {
    killGroup()
    process.exit(130)
  }
  process.once('SIGINT', interrupted).once('SIGTERM', interrupted)
  const [code, ...texts] = await Promise.all([
    child.exited,
    ...[child.stdout, child.stderr].map((pipe) => (pipe ? new Response(pipe).text() : '')),
  ])
  clearTimeout(timer)
  process.off('SIGINT', interrupted).off('SIGTERM', interrupted)
  const note = timedOut ? `\nkilled after ${limitMs / 1_000} s: it did not end` : ''
  return { code: timedOut ? 124 : code, output: texts.join('') + note }
}
