// SPDX-License-Identifier: AGPL-3.0-or-later
/** The admin API of a registry that runs somewhere. */
import type { OciTask } from '../../schemas/oci-admin.ts'
import type { OciCheckReport, OciGcReport } from '../../schemas/oci-report.ts'
import type { Registry } from './registry.ts'

const DONE_MS = 120_000

/** Starts a task and polls until it is over. Throws when it did not end well. */
export async function runTask(registry: Registry, path: string, body: object): Promise<OciTask> {
  const headers = { 'Content-Type': 'application/json' }
  const started = await registry.call('POST', `/api/v1/oci/${path}`, {
    ...{ headers, body: JSON.stringify(body) },
  })
  if (started.status !== 202) {
    throw new Error(`${path}: ${started.status} ${JSON.stringify(started.json)}`)
  }
  const deadline = performance.now() + DONE_MS
  for (;;) {
    const { json } = await registry.call('GET', `/api/v1/oci/tasks/${started.json.id}`)
    const task = json as OciTask
    if (task.state === 'done') return task
    const isOver = task.state !== 'running' && task.state !== 'paused'
    if (isOver || performance.now() > deadline) {
      throw new Error(`${path} is ${task.state}: ${task.error}`)
    }
    await Bun.sleep(5)
  }
}

const resultOf = <K extends 'gc' | 'check'>({ result }: OciTask, kind: K) => {
  if (result?.kind !== kind) throw new Error(`no ${kind} report: ${JSON.stringify(result)}`)
  return result as Extract<typeof result, { kind: K }>
}

export const collect = async (
  registry: Registry,
  request: { grace_seconds?: number; dry_run?: boolean } = {},
): Promise<OciGcReport> => resultOf(await runTask(registry, 'gc', request), 'gc')

export const fsck = async (registry: Registry, request = {}): Promise<OciCheckReport> =>
  resultOf(await runTask(registry, 'fsck', request), 'check')

export const scrub = async (registry: Registry): Promise<OciCheckReport> =>
  resultOf(await runTask(registry, 'scrub', { from_start: true }), 'check')
