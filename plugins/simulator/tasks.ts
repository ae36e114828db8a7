// SPDX-License-Identifier: AGPL-3.0-or-later

import type { Manners } from './manners.ts'
import { answerOf, messageOf, Refusal } from './refusal.ts'
import type { Answer, Resource } from './wire.ts'

/** One piece of work; times are Unix ms. */
export interface Task {
  readonly id: string
  readonly name: string
  readonly startedAt: number
  endedAt?: number
  state: 'Running' | 'Completed' | 'Exception'
  /** What ended it as an Exception. */
  failure?: unknown
}

const TASKS = '/redfish/v1/TaskService/Tasks'
/** Tasks that are remembered. */
const MOST = 100
const MONITORS = '/redfish/v1/TaskService/TaskMonitors'

/** Work that a controller does after its answer (DSP0266, "Asynchronous operations"). */
export class Tasks {
  readonly #tasks = new Map<string, Task>()
  readonly #manners: Manners
  readonly #now: () => number
  #last = 0

  constructor(manners: Manners, now: () => number) {
    this.#manners = manners
    this.#now = now
  }

  list(): readonly Task[] {
    return [...this.#tasks.values()]
  }

  /** Answers 202 at once; the task ends as `work` does. A Refusal becomes its messages. */
  start(name: string, work: () => Promise<void>, changed: () => void): Answer {
    this.#last += 1
    const id = String(this.#last)
    const task: Task = { id, name, startedAt: this.#now(), state: 'Running' }
    this.#tasks.set(id, task)
    // The oldest goes first: CompletedTaskOverWritePolicy of the captured TaskService.
    this.#tasks.delete(String(this.#last - MOST))
    const end = (state: Task['state']) => {
      task.state = state
      task.endedAt = this.#now()
      changed()
    }
    work().then(
      () => end('Completed'),
      (error: unknown) => {
        task.failure = error
        end('Exception')
      },
    )
    return { status: 202, headers: { Location: `${MONITORS}/${id}` }, body: this.view(task) }
  }

  /** The Task resource or collection member at `path`. */
  resource(path: string): Resource | undefined {
    const task = this.#at(path, TASKS)
    return task && this.view(task)
  }

  /** What a GET of a task monitor answers: 202 while it runs, then the operation's own result. */
  monitor(path: string): Answer | undefined {
    const task = this.#at(path, MONITORS)
    if (!task) return undefined
    if (task.state === 'Running') {
      return { status: 202, headers: { Location: path, 'Retry-After': '1' }, body: this.view(task) }
    }
    if (task.state === 'Completed') return { status: 204 }
    if (task.failure instanceof Refusal) return answerOf(task.failure, this.#manners)
    return { status: 500, body: this.view(task) }
  }

  view(task: Task): Resource {
    const time = (at: number) => new Date(at).toISOString()
    return {
      '@odata.type': '#Task.v1_4_3.Task',
      '@odata.id': `${TASKS}/${task.id}`,
      Id: task.id,
      Name: task.name,
      TaskState: task.state,
      TaskStatus: task.state === 'Exception' ? 'Critical' : 'OK',
      TaskMonitor: `${MONITORS}/${task.id}`,
      StartTime: time(task.startedAt),
      ...(task.endedAt !== undefined && { EndTime: time(task.endedAt) }),
      PercentComplete: task.state === 'Running' ? 0 : 100,
      Messages: this.#messages(task),
    }
  }

  #messages(task: Task): unknown {
    if (task.state !== 'Exception') return []
    const message = this.#message(task.failure)
    return this.#manners.taskMessages === 'object' ? message : [message]
  }

  #message(failure: unknown): Resource {
    if (failure instanceof Refusal) return messageOf(failure, this.#manners)
    return { MessageId: 'Simulator.Bug', Message: String(failure), Severity: 'Critical' }
  }

  #at(path: string, below: string): Task | undefined {
    return path.startsWith(`${below}/`) ? this.#tasks.get(path.slice(below.length + 1)) : undefined
  }
}
