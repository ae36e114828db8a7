// SPDX-License-Identifier: AGPL-3.0-or-later
import type { DeclaredCommand } from '../../../core/command.ts'
import { table } from '../../../core/table.ts'
import { localTime } from '../../../core/times.ts'
import type { OciTask, OciTaskList } from '../../../schemas/oci-admin.ts'
import { apiPath } from './admin.ts'
import { stepsOf } from './task.ts'

export const tasksCommand: DeclaredCommand = {
  name: 'tasks',
  summary: 'long work of the registry: what runs, and how the last fifty ended',
  examples: ['slipway oci tasks'],
  async call({ client, out }) {
    const list = await (await client()).json<OciTaskList>('GET', apiPath('tasks'))
    out.answer(list, ({ tasks }) =>
      tasks.length === 0
        ? ['no tasks']
        : table(
            tasks,
            [
              { title: 'TASK', value: ({ id }) => id },
              { title: 'KIND', value: ({ kind }) => kind },
              { title: 'STATE', value: ({ state }) => state },
              { title: 'BEGAN', value: ({ started_at }) => localTime(started_at) },
              { title: 'BY', value: ({ by }) => by, cut: true },
              { title: 'STEPS', value: (task) => task.error ?? stepsOf(task), cut: true },
            ],
            out.columns(),
          ),
    )
    return 0
  },
}

export const tasksCancelCommand: DeclaredCommand = {
  name: 'tasks cancel',
  summary: 'ask a task to stop; the store is whole then',
  arguments: [{ name: 'ID', summary: 'as `slipway oci tasks` shows it' }],
  examples: ['slipway oci tasks cancel 0199f1c2-5d4e-7000-8000-2f6b1c9d3e11'],
  async call({ args, client, out }) {
    const task = await (await client()).json<OciTask>('DELETE', apiPath('tasks', args[0] ?? ''))
    out.answer(task, ({ kind, id }) => [`${kind} ${id} stops after the step that it is at`])
    return 0
  },
}
