// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Context } from 'hono'
import { streamSSE } from 'hono/streaming'
import { SECOND } from '../../../core/units.ts'
import type { OciTask } from '../../../schemas/oci-admin.ts'
import type { Tasks } from './care-tasks.ts'

/** Proxies cut silent connections; a comment goes out this often. */
const PULSE_MS = 15 * SECOND
/** A slow reader sees the newest state, not every one. */
const LEAST_PAUSE_MS = 100

const isOver = ({ state }: OciTask) => state !== 'running' && state !== 'paused'

/** The task at each change as server-sent events, as `shown`, until it is over. Throws `oci-care.not-found`. */
export function watchTask(
  c: Context,
  tasks: Tasks,
  id: string,
  shown: (task: OciTask) => OciTask,
): Response {
  let newest: OciTask | undefined
  let wake = () => {}
  const leave = tasks.watch(id, (task) => {
    newest = task
    wake()
  })
  return streamSSE(c, async (stream) => {
    stream.onAbort(() => {
      leave()
      wake()
    })
    try {
      while (!stream.aborted) {
        const task = newest
        newest = undefined
        if (task) {
          await stream.writeSSE({ event: 'task', data: JSON.stringify(shown(task)) })
          if (isOver(task)) return
          await stream.sleep(LEAST_PAUSE_MS)
          continue
        }
        const pulse = Promise.withResolvers<void>()
        const timer = setTimeout(pulse.resolve, PULSE_MS)
        wake = pulse.resolve
        await pulse.promise
        clearTimeout(timer)
        if (!newest && !stream.aborted) await stream.write(': still here\n\n')
      }
    } finally {
      leave()
    }
  })
}
