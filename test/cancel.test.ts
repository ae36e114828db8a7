// SPDX-License-Identifier: AGPL-3.0-or-later
/** A job is canceled at every moment of its life: the machine ends off, its media out, nothing hangs. */
import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { testMachine } from '../appliance/dispatcher/test-bed.ts'
import type { Answer, RunningAppliance } from './harness.ts'
import { complete, post, ready } from './stage.ts'

const cancel = (running: RunningAppliance, id: string) =>
  running.send('POST', `/api/v1/jobs/${id}/cancel`)

/** Every request to the controller is a moment; the job is canceled in the one with this number. */
test('canceled in any request to the controller', async () => {
  await using stage = await ready({ script: 'silent' })
  const { running, machine } = stage
  for (let moment = 1; ; moment += 2) {
    const id = await post(running, machine.serial)
    let requests = 0
    let canceled: Promise<Answer> | undefined
    const fault: Parameters<typeof machine.faults.add>[0] = async (_asked, next) => {
      requests += 1
      if (requests === moment) canceled = cancel(running, id)
      await canceled
      return await next()
    }
    machine.faults.add(fault)
    // Whatever comes of the launch: by then it was canceled, or it is under way.
    await running.until(id, (job) => canceled !== undefined || job.powered_on_at !== undefined)
    machine.faults.delete(fault)
    const inTime = canceled !== undefined
    if (!inTime) await cancel(running, id)
    const job = await running.until(id, complete, 10_000)
    const { drives, override, power } = machine.state()
    const touched = job.events.some(({ step }: { step?: string }) => step === 'redfish.power-off')
    expect({
      ...{ moment, result: job.result, cleanup: job.cleanup, override: override.enabled },
      occupied: drives.filter((drive) => drive.occupied).length,
      power: touched ? power : 'Off',
    }).toEqual({
      ...{ moment, result: 'canceled', cleanup: 'done', override: 'Disabled' },
      ...{ occupied: 0, power: 'Off' },
    })
    // More moments than a launch has: it was seen from its first request to its last.
    if (!inTime) {
      expect(moment).toBeGreaterThan(10)
      return
    }
  }
}, 120_000)

const UNITS = ['partition', 'image-linux', 'bootloader-linux', 'config-drive'].map(
  (name) => `${name}.service`,
)

test.each(UNITS)('canceled while the machine is at %s', async (unit) => {
  await using stage = await ready({ script: 'not-booting' })
  const { running } = stage
  const id = await post(running, stage.machine.serial)
  await running.until(id, (job) => job.powered_on_at !== undefined)
  await using machine = await testMachine(stage.machine.serial)
  await machine.insert('sr1', join(running.dataDir, 'task-isos', `${id}.iso`))
  machine.units = UNITS.map((name) => ({ name, looks: name === unit ? 1_000 : 1 }))
  machine.onPause = async () => {
    const { body } = await running.send('GET', `/api/v1/jobs/${id}`)
    if (body.progress?.step === unit) await cancel(running, id)
  }
  expect(await machine.dispatch()).toBe(0)
  expect(machine.ran.slice(-2)).toEqual([
    `systemctl stop install-linux.target ${UNITS.join(' ')}`,
    'systemctl --no-block poweroff',
  ])
  const job = await running.until(id, complete, 10_000)
  expect(job).toMatchObject({ result: 'canceled', cleanup: 'done' })
  const { drives, power } = stage.machine.state()
  expect({ occupied: drives.filter((drive) => drive.occupied), power }).toEqual({
    ...{ occupied: [], power: 'Off' },
  })
})
