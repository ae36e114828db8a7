// SPDX-License-Identifier: AGPL-3.0-or-later
import type { CommandOutput } from '../../../core/command.ts'

/** As the executable's other commands end after Ctrl-C. */
const INTERRUPTED = 130

/** Lets Ctrl-C and SIGTERM end a transfer in order: what was moved is kept for the next time. */
export async function interruptible(
  out: CommandOutput,
  work: (signal: AbortSignal) => Promise<number>,
): Promise<number> {
  const stop = new AbortController()
  const interrupt = () => stop.abort()
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt)
  try {
    return await work(stop.signal)
  } catch (error) {
    if (!stop.signal.aborted) throw error
    out.note('interrupted; the same command goes on from here')
    return INTERRUPTED
  } finally {
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt)
  }
}
