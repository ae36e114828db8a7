// SPDX-License-Identifier: AGPL-3.0-or-later
import { Fault, sentence } from '../../../core/faults.ts'
import type { Logger } from '../../../core/log.ts'
import type { OciTask } from '../../../schemas/oci-admin.ts'
import type { OciReport } from '../../../schemas/oci-report.ts'
import { careFaults } from './care-faults.ts'

export type TaskKind = OciTask['kind']

/** What a task has of its surroundings while it works. */
export interface TaskRun {
  /** Aborted when somebody cancels it, or the appliance stops: end after the present whole step. */
  readonly signal: AbortSignal
  progress(progress: OciTask['progress']): void
  /** Shown as its state. */
  paused(paused: boolean): void
}

/** Long work of the registry: one of a kind at a time, and the last fifty to look at. */
export interface Tasks extends AsyncDisposable {
  /** Starts it and does not wait. Throws `oci-care.busy` while one of the same kind is under way. */
  start(kind: TaskKind, by: string, work: (run: TaskRun) => Promise<OciReport>): OciTask
  /** Resolves when it is over; a failure is in its state and in the log. */
  done(id: string): Promise<OciTask>
  get(id: string): OciTask | undefined
  running(kind: TaskKind): OciTask | undefined
  /** The newest first. */
  list(): readonly OciTask[]
  /** Asks it to stop; false when it is not under way. */
  cancel(id: string): boolean
  /** Calls `tell` with the task as it is now, and at each change; returns the way out. */
  watch(id: string, tell: (task: OciTask) => void): () => void
}

const KEPT = 50

interface Held {
  task: OciTask
  readonly stop: AbortController
  readonly watchers: Set<(task: OciTask) => void>
  over: Promise<void>
}

export function createTasks(log: Logger, now: () => number): Tasks {
  const held = new Map<string, Held>()
  const time = () => new Date(now()).toISOString()
  const isRunning = ({ task }: Held) => task.state === 'running' || task.state === 'paused'

  const change = (one: Held, changes: Partial<OciTask>) => {
    one.task = { ...one.task, ...changes }
    for (const tell of one.watchers) tell(one.task)
  }
  const forgetOld = () => {
    const over = [...held.values()].filter((one) => !isRunning(one))
    for (const { task } of over.slice(0, Math.max(0, held.size - KEPT))) held.delete(task.id)
  }
  const running = (kind: TaskKind) =>
    [...held.values()].find((one) => one.task.kind === kind && isRunning(one))?.task

  const follow = async (one: Held, work: (run: TaskRun) => Promise<OciReport>): Promise<void> => {
    const { signal } = one.stop
    try {
      const result = await work({
        signal,
        progress: (progress) => change(one, { progress }),
        paused: (paused) => change(one, { state: paused ? 'paused' : 'running' }),
      })
      change(one, { state: 'done', result, ended_at: time() })
    } catch (error) {
      if (signal.aborted) return change(one, { state: 'canceled', ended_at: time() })
      log.error({ err: error, task: one.task.kind }, 'a task of the registry failed')
      // Of a bug nothing leaves but that there is one.
      const told = error instanceof Fault || (error as NodeJS.ErrnoException).code !== undefined
      const message = told ? sentence(error) : 'something went wrong; the log says more'
      change(one, { state: 'failed', error: message, ended_at: time() })
    }
  }

  return {
    running,
    get: (id) => held.get(id)?.task,
    list: () => [...held.values()].map(({ task }) => task).reverse(),
    start(kind, by, work) {
      const other = running(kind)
      if (other) {
        throw careFaults.busy(
          `${kind} is running already as task ${other.id}: wait for it, or cancel it`,
        )
      }
      const id = Bun.randomUUIDv7()
      const task: OciTask = {
        ...{ id, kind, by, state: 'running', started_at: time() },
        progress: { done: 0, unit: 'repositories' },
      }
      const one: Held = {
        ...{ task, stop: new AbortController(), watchers: new Set(), over: Promise.resolve() },
      }
      held.set(id, one)
      one.over = follow(one, work)
      forgetOld()
      return one.task
    },
    async done(id) {
      const one = held.get(id)
      if (!one) throw careFaults.notFound(`there is no task ${id.slice(0, 64)}`)
      await one.over
      return one.task
    },
    cancel(id) {
      const one = held.get(id)
      if (!one || !isRunning(one)) return false
      one.stop.abort()
      return true
    },
    watch(id, tell) {
      const one = held.get(id)
      if (!one) throw careFaults.notFound(`there is no task ${id.slice(0, 64)}`)
      one.watchers.add(tell)
      tell(one.task)
      return () => one.watchers.delete(tell)
    },
    async [Symbol.asyncDispose]() {
      for (const { stop } of held.values()) stop.abort()
      await Promise.all([...held.values()].map(({ over }) => over))
    },
  }
}
