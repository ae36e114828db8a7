// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, test } from 'bun:test'
import { launch, launchPlanOf, launchPlans } from '../../test/fake-bmc/launch.ts'
import { jobDocument, writeComposedImage } from '../../test/fake-bmc/machine-images.ts'
import { setStage } from '../../test/fake-bmc/stage.ts'
import type { MachineState } from './index.ts'

const JOB = '3f0e8b52-6f0d-4c58-9a51-9d2f1f0b7c11'
const done = ({ power, stage }: MachineState) => power === 'Off' && stage === 'reported'

describe.each(Object.entries(launchPlans))('%s', (personality, plan) => {
  test('boots the media, claims, works, reports success and powers off', async () => {
    await using stage = await setStage({ spec: { personality } })
    const { machine, appliance } = stage
    await stage.launch()
    const state = await machine.waitFor(done)

    expect(appliance.claims()).toEqual([
      {
        path: `/api/v1/claim/${JOB}`,
        authorization: 'Bearer the-token-of-the-job',
        body: {
          nonce: expect.any(String),
          boot_id: expect.any(String),
          serial: 'S1',
          uuid: expect.stringMatching(
            /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/,
          ),
          target_disk: { path: '/dev/sda', serial: expect.any(String), wwn: expect.any(String) },
          inventory: expect.objectContaining({ disks: expect.any(Array), nics: expect.any(Array) }),
        },
      },
    ])
    const phases = new Set(appliance.progress().map(({ body }) => body.phase))
    expect([...phases]).toEqual(['booting', 'checking', 'writing', 'finishing'])
    const percents = appliance.progress().flatMap(({ body }) => body.percent ?? [])
    expect(percents).toEqual(percents.toSorted((a, b) => a - b))
    expect(appliance.reports().map(({ body }) => body)).toEqual([
      expect.objectContaining({
        status: 'success',
        task_target: 'install-linux.target',
        delivery_id: expect.any(String),
      }),
    ])
    expect(state.boots.map(({ from }) => from)).toEqual([plan.boot])
    expect(state.disk.bootable).toBe(true)
    expect(state.disk.writtenBy).toBe(JOB)
  })
})

test('a composed medium carries the task below /task', async () => {
  await using stage = await setStage()
  const { machine, appliance, images, folder } = stage
  await writeComposedImage(folder, jobDocument({ serials: ['S1'], base_urls: [appliance.url] }))
  await launch(machine, { boot: images.url('composed.iso') })
  await machine.waitFor(done)
  expect(appliance.reports()[0]?.body.status).toBe('success')
})

test('a machine that finds no task waits and says nothing', async () => {
  await using stage = await setStage()
  const { machine, appliance, images } = stage
  await launch(machine, { boot: images.url('boot.iso') })
  await machine.waitFor(({ stage: reached }) => reached === 'idle')
  expect(appliance.messages).toEqual([])
  expect(machine.state()).toMatchObject({
    power: 'On',
    bootedFrom: launchPlanOf(machine).boot,
    disk: { writtenBy: undefined },
  })
})
