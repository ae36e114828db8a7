// SPDX-License-Identifier: AGPL-3.0-or-later
import { type Answer, told } from './answer.ts'
import type { Client } from './client.ts'
import { redfishFaults } from './faults.ts'
import { generalFault } from './refusal.ts'
import { parseResource, Task } from './resources.ts'
import { waitFor } from './wait.ts'

/** `Failed` is no state of the standard; Supermicro uses it (bmclib tasks_1_failed). */
const ENDED_BADLY = /^(Exception|Killed|Cancelled|Failed|Interrupted)$/i

/** Where to look (DSP0266, "Asynchronous operations"): the monitor of the answer, else the Task that came as its body. */
function monitorOf(answer: Answer): string | undefined {
  const location = answer.header('location')
  if (location) return location
  if (answer.body === undefined) return undefined
  const task = parseResource(Task, answer)
  return task.TaskMonitor || task['@odata.id'] || undefined
}

/** Throws when this look at a task says that it failed; true when it says that it is over. */
function isOver(answer: Answer, what: string): boolean {
  // Lenovo deletes a finished task with the first look at its monitor: gone is over.
  if (answer.status === 404 || answer.status === 410) return true
  if (answer.status >= 400)
    throw generalFault(answer) ?? redfishFaults.task(`${what} failed. ${told(answer)}.`)
  const task = answer.body === undefined ? undefined : parseResource(Task, answer)
  const state = task?.TaskState ?? ''
  if (ENDED_BADLY.test(state) || (state === 'Completed' && task?.TaskStatus === 'Critical'))
    throw redfishFaults.task(
      `${what} failed: the task at the BMC ${answer.host} ended as ${state}${answer.said ? `: ${answer.said}` : ' and says no more'}. Look at the controller's job queue and log.`,
    )
  return state === 'Completed' || (answer.status !== 202 && state === '')
}

/**
 * Waits for the order behind a 202 to end. Returns at once for any other answer, and where there is
 * nothing to follow. Throws `redfish.task` with the controller's own words when it ended badly or not in time.
 */
export async function awaitTask(
  client: Client,
  order: Answer,
  what: string,
  plan: { readonly pollMs: number; readonly limitMs: number },
  signal: AbortSignal,
): Promise<void> {
  const monitor = order.status === 202 ? monitorOf(order) : undefined
  if (monitor === undefined || isOver(order, what)) return
  const over = await waitFor({ ...plan, signal }, async () => {
    const answer = await client.look(monitor, signal)
    return isOver(answer, what) || undefined
  })
  if (over) return
  throw redfishFaults.task(
    `${what} did not end within ${plan.limitMs / 1_000} s: the task ${monitor} at the BMC ${client.host} is still running. Look at the controller's job queue.`,
  )
}
