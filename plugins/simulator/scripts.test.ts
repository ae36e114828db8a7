// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { launchPlanOf } from '../../test/fake-bmc/launch.ts'
import { rawClient } from '../../test/fake-bmc/raw-client.ts'
import { setStage } from '../../test/fake-bmc/stage.ts'
import type { MachineState } from './index.ts'
import { scriptNamed } from './scripts.ts'

const reported = ({ power, stage }: MachineState) => power === 'Off' && stage === 'reported'

test('fail-at reports the unit as failed, leaves the disk half written and powers off', async () => {
  await using stage = await setStage({ spec: { script: 'fail-at=bootloader-linux.service' } })
  const { machine, appliance } = stage
  await stage.launch()
  const { disk } = await machine.waitFor(reported)
  expect(appliance.reports()[0]?.body).toMatchObject({
    status: 'failed',
    failed_step: 'bootloader-linux.service',
  })
  expect(disk).toMatchObject({
    units: ['partition.service', 'image-linux.service'],
    bootable: false,
  })
  expect(appliance.logs().map(({ body }) => body)).toEqual([
    ...['partition', 'image-linux', 'bootloader-linux'].map((unit) => ({
      level: 'info',
      step: `${unit}.service`,
      lines: [`Starting ${unit}.service`],
    })),
    {
      level: 'error',
      step: 'bootloader-linux.service',
      lines: ['bootloader-linux.service ended with status 1'],
    },
  ])
})

test('silent claims, and is not heard of again', async () => {
  await using stage = await setStage({ spec: { script: 'silent' } })
  const { machine, appliance } = stage
  await stage.launch()
  const { power } = await machine.waitFor((state) => state.stage === 'silent')
  expect(power).toBe('On')
  expect(appliance.claims()).toHaveLength(1)
  expect(appliance.reports()).toEqual([])
})

test('never-claim boots and checks, and does not claim', async () => {
  await using stage = await setStage({ spec: { script: 'never-claim' } })
  const { machine, appliance } = stage
  await stage.launch()
  await machine.waitFor((state) => state.stage === 'silent')
  expect(appliance.progress().map(({ body }) => body.phase)).toEqual(['booting', 'checking'])
  expect(appliance.claims()).toEqual([])
})

test('not-booting hangs in the firmware: nothing is read after power on', async () => {
  await using stage = await setStage({ spec: { script: 'not-booting' } })
  const { machine, images, appliance } = stage
  await stage.launch()
  await machine.waitFor(({ bootedFrom }) => bootedFrom === 'nothing')
  // HEAD and first range of each of the two images, at InsertMedia.
  expect(images.requests).toHaveLength(4)
  expect(appliance.messages).toEqual([])
})

test('crash-at dies while it writes and claims again as another boot, which is refused', async () => {
  await using stage = await setStage({
    spec: { script: 'crash-at=partition.service' },
    rule: ({ path }, count) =>
      path.includes('/claim/') && count > 0 ? new Response(null, { status: 409 }) : undefined,
  })
  const { machine, appliance } = stage
  await stage.launch()
  const state = await machine.waitFor(({ power, stage: s }) => power === 'Off' && s === 'refused')
  const [first, second, ...others] = appliance.claims().map(({ body }) => body)
  expect(others).toEqual([])
  expect(second.boot_id).not.toBe(first.boot_id)
  expect(second.nonce).not.toBe(first.nonce)
  expect(state.disk.units).toEqual(['partition.service'])
  // Its disk boots no more, so the firmware went on to the medium though the override was gone.
  const { boot } = launchPlanOf(machine)
  expect(state.boots.map(({ from }) => from)).toEqual([boot, boot])
})

test('a reset while it writes starts it again from the medium: its disk boots no more', async () => {
  const writing = Promise.withResolvers<void>()
  await using stage = await setStage({
    spec: { manners: { powerOnMs: 0, powerOffMs: 0, postMs: 0, insertMs: 0 } },
    // At this pace the second unit takes 6 s.
    simulator: { pace: 0.1 },
    rule: ({ body }) => {
      if (body.step === 'image-linux.service') writing.resolve()
      return undefined
    },
  })
  const { machine } = stage
  await stage.launch()
  await writing.promise
  await rawClient(machine)('POST', `${launchPlanOf(machine).system}/Actions/ComputerSystem.Reset`, {
    body: { ResetType: 'ForceRestart' },
  })
  const { boots } = await machine.waitFor((state) => state.boots.length === 2)
  expect(boots[1]?.from).toBe(launchPlanOf(machine).boot)
})

test('another script may be given between two boots', async () => {
  await using stage = await setStage({ spec: { script: 'silent' } })
  const { machine, appliance } = stage
  await stage.launch()
  await machine.waitFor((state) => state.stage === 'silent')
  machine.play('success')
  await stage.launch()
  await machine.waitFor(reported)
  expect(appliance.reports()).toHaveLength(1)
})

test.each(['sucess', 'fail-at', 'fail-at=', 'fail-at=partition', 'silent=x.service', 'toString'])(
  'a script named %s is refused with the names there are',
  (name) => {
    expect(() => scriptNamed(name)).toThrow(/success, fail-at=UNIT/)
  },
)
