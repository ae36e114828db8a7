// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { standard } from './manners.ts'
import { Refusal } from './refusal.ts'
import { Tasks } from './tasks.ts'

const MONITOR = '/redfish/v1/TaskService/TaskMonitors/1'
const nothing = () => undefined

/** Starts a task and resolves when it has ended. */
function run(tasks: Tasks, work: () => Promise<void>): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  tasks.start('Work', work, resolve)
  return promise
}

test('a task tells when it began and ended', async () => {
  const clock = { ms: Date.parse('2026-11-22T10:00:00Z') }
  const tasks = new Tasks(standard, () => clock.ms)
  const ended = run(tasks, async () => undefined)
  expect(tasks.resource('/redfish/v1/TaskService/Tasks/1')).toMatchObject({
    TaskState: 'Running',
    StartTime: '2026-11-22T10:00:00.000Z',
    PercentComplete: 0,
  })
  clock.ms += 2_000
  await ended
  expect(tasks.resource('/redfish/v1/TaskService/Tasks/1')).toMatchObject({
    TaskState: 'Completed',
    EndTime: '2026-11-22T10:00:02.000Z',
    PercentComplete: 100,
  })
  expect(tasks.monitor(MONITOR)?.status).toBe(204)
})

test('a refusal is the answer of the monitor and a message of the task', async () => {
  const tasks = new Tasks(standard, Date.now)
  await run(tasks, async () => {
    throw new Refusal('occupied')
  })
  expect(tasks.monitor(MONITOR)?.status).toBe(409)
  expect(tasks.resource('/redfish/v1/TaskService/Tasks/1')).toMatchObject({
    TaskState: 'Exception',
    Messages: [{ MessageId: 'Base.1.12.ResourceInUse' }],
  })
})

test('a bug in the work is told as one', async () => {
  const tasks = new Tasks(standard, Date.now)
  await run(tasks, async () => {
    throw new TypeError('x is not a function')
  })
  expect(tasks.monitor(MONITOR)).toMatchObject({
    status: 500,
    body: { Messages: [{ Message: 'TypeError: x is not a function' }] },
  })
})

test('a hundred tasks are remembered; the oldest goes first', async () => {
  const tasks = new Tasks(standard, Date.now)
  for (let count = 0; count < 103; count += 1) tasks.start('Work', async () => undefined, nothing)
  expect(tasks.list()).toHaveLength(100)
  expect(tasks.list().at(0)?.id).toBe('4')
  expect(tasks.list().at(-1)?.id).toBe('103')
  expect(tasks.monitor(MONITOR)).toBeUndefined()
})

test.each(['', '/', '/0', '/1/2', '/x'])('there is no task at …Tasks%s', (suffix) => {
  const tasks = new Tasks(standard, Date.now)
  tasks.start('Work', async () => undefined, nothing)
  expect(tasks.resource(`/redfish/v1/TaskService/Tasks${suffix}`)).toBeUndefined()
  expect(tasks.monitor(`/redfish/v1/TaskService/TaskMonitors${suffix}`)).toBeUndefined()
})
