// SPDX-License-Identifier: AGPL-3.0-or-later
import type { CommandCall, OptionSpecs } from '../../../core/command.ts'
import { sleep } from '../../../core/retry.ts'
import { clip } from '../../../core/table.ts'
import type { OciTask } from '../../../schemas/oci-admin.ts'
import type { OciReport } from '../../../schemas/oci-report.ts'
import { apiPath } from './admin.ts'
import { reportLines } from './report.ts'

/** Of every command that starts long work. */
export const TASK_OPTIONS = {
  'no-wait': { summary: 'print the task, and leave it to itself' },
} as const satisfies OptionSpecs

const DONE = 0
const FAILED = 1
const INTERRUPTED = 130
const POLL_MS = 250

/** Starts long work of the registry, follows it to its end and prints its report. */
export async function runTask(
  call: CommandCall,
  path: readonly string[],
  body: object,
): Promise<number> {
  const client = await call.client()
  const task = await client.json<OciTask>('POST', apiPath(...path), { body })
  if (!call.flags.on('no-wait')) return followTask(call, task)
  call.out.answer(task, ({ id, kind }) => [`${kind} runs as task ${id}`])
  return DONE
}

/** Ctrl-C leaves the command, not the work. */
async function followTask(call: CommandCall, begun: OciTask): Promise<number> {
  const { out } = call
  const client = await call.client()
  const stop = new AbortController()
  const interrupt = () => stop.abort()
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt)
  try {
    let task = begun
    while (task.state === 'running' || task.state === 'paused') {
      if (out.live) out.raw(`\r\x1b[K${clip(progressOf(task), (out.columns() ?? 80) - 1)}`)
      await sleep(POLL_MS, stop.signal)
      task = await client.json<OciTask>('GET', apiPath('tasks', task.id), { signal: stop.signal })
    }
    if (out.live) out.raw('\r\x1b[K')
    return tellEnd(call, task)
  } catch (error) {
    if (!stop.signal.aborted) throw error
    out.note(`task ${begun.id} goes on; \`slipway oci tasks\` shows it`)
    return INTERRUPTED
  } finally {
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt)
  }
}

const progressOf = (task: OciTask) =>
  [task.kind, task.state === 'running' ? '' : task.state, stepsOf(task)].filter(Boolean).join('  ')

/** How far a task is, and at what. */
export function stepsOf({ progress }: OciTask): string {
  const { done, total, unit, at } = progress
  const of = total === undefined ? `${done}` : `${done} of ${total}`
  return [`${of} ${unit}`, at ?? ''].filter(Boolean).join('  ')
}

function tellEnd({ out }: CommandCall, task: OciTask): number {
  const { result, state } = task
  if (state !== 'done' || !result) {
    out.note(`${task.kind} ${state}${task.error ? `: ${task.error}` : ''}`)
    out.document(task)
    return FAILED
  }
  out.answer(result, (report) => reportLines(report))
  return isBad(result) ? FAILED : DONE
}

/** A check that found damage fails, so that scripts notice. */
const isBad = (report: OciReport) => report.kind === 'check' && report.bad > 0
