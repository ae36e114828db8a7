// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { linuxRecipe } from './harness.ts'
import { complete, post, ready } from './stage.ts'

const HTTPS = ['server.bmc_https=127.0.0.1:0']
/** A whole job with other tests beside it on a small machine, in ms. */
const PATIENCE = 40_000

test.each<{
  readonly personality: string
  readonly plan: string
  readonly system?: string
  readonly set?: readonly string[]
}>([
  { personality: 'lenovo-sr670v2', plan: 'two-cd' },
  { personality: 'lenovo-sr630v2', plan: 'two-cd' },
  { personality: 'lenovo-sr650', plan: 'two-cd' },
  { personality: 'lenovo-sr655', plan: 'one' },
  { personality: 'gigabyte-h262', plan: 'one' },
  { personality: 'asrock-ami', plan: 'two-cd' },
  { personality: 'nvidia-dgx', plan: 'one' },
  { personality: 'nvidia-gb200', plan: 'two-cd', system: '/redfish/v1/Systems/System_0' },
  { personality: 'openbmc-upstream', plan: 'one', set: HTTPS },
  // The first drive is the KVM page's, and says so only when an image is to go in.
  { personality: 'cisco-ucsx', plan: 'two-cd' },
  { personality: 'cisco-c845a', plan: 'one' },
  { personality: 'cisco-c240', plan: 'cd-usb' },
  { personality: 'sushy-two-cd', plan: 'two-cd' },
])(
  'a job on $personality ends complete with plan $plan',
  async ({ personality, plan, system, set }) => {
    await using stage = await ready({ personality }, set)
    const { running, machine } = stage
    if (system) {
      await running.send('PATCH', `/api/v1/machines/${machine.serial}`, { system_uri: system })
    }
    const id = await post(running, machine.serial)
    const job = await running.until(id, complete)
    expect(job).toMatchObject({ result: 'succeeded', cleanup: 'done', media_plan: plan })
    const state = machine.state()
    expect(state.drives.filter((drive) => drive.occupied)).toEqual([])
    expect(state).toMatchObject({ power: 'On', sessions: 0, disk: { writtenBy: id } })
  },
  PATIENCE,
)

test.each([
  { personality: 'lenovo-sr650-old', says: 'Take XCC firmware 2.50 or newer' },
  { personality: 'nvidia-bluefield3', says: 'A BlueField DPU has no virtual media at all' },
  { personality: 'intel-bmc', says: "Intel's server BMC lists no virtual drives over Redfish" },
])(
  'a job on $personality is refused in a dry run, and leaves the machine as it was',
  async ({ personality, says }) => {
    await using stage = await ready({ personality })
    const { running, machine } = stage
    const before = machine.state().power
    const request = { server_serial: machine.serial, recipe: linuxRecipe }
    const dry = await running.send('POST', '/api/v1/jobs?dry_run=true', request)
    expect(dry.body).toMatchObject({ code: 'redfish.no-media' })
    expect(dry.body.message).toContain(says)
    const job = await running.until(await post(running, machine.serial), complete)
    expect(job).toMatchObject({ result: 'failed', failed_code: 'redfish.no-media' })
    expect(machine.state()).toMatchObject({ power: before, sessions: 0 })
    expect(machine.requests.filter(({ method }) => method === 'PATCH')).toEqual([])
  },
  PATIENCE,
)

test('a controller of two systems asks for the one that is meant, by name', async () => {
  await using stage = await ready({ personality: 'nvidia-gb200' })
  const { running, machine } = stage
  const probe = await running.send('POST', `/api/v1/machines/${machine.serial}/probe`)
  expect(probe.body).toMatchObject({ code: 'redfish.system' })
  expect(probe.body.message).toContain('/redfish/v1/Systems/System_0')
})

test('a controller that fetches https alone is refused without such a listener, by name', async () => {
  await using stage = await ready({ personality: 'openbmc-upstream' })
  const { running, machine } = stage
  const job = await running.until(await post(running, machine.serial), complete)
  expect(job).toMatchObject({ result: 'failed', cleanup: 'done' })
  expect(job.failed_reason).toMatch(/https/)
})
