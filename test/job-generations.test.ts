// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { addSimulated, importMaintenance, linuxRecipe, startAppliance } from './harness.ts'
import { complete, post } from './stage.ts'

/** A whole job with other tests beside it on a small machine, in ms. */
const PATIENCE = 30_000

/** Controllers that take https only are served by the second listener. */
const set = ['server.bmc_https=127.0.0.1:0']

test.each([
  { personality: 'hpe-ilo4', plan: 'cd-usb', profile: 'hpe-ilo4' },
  { personality: 'hpe-ilo6', plan: 'cd-usb', profile: 'hpe-ilo6' },
  { personality: 'hpe-dl360-gen12', plan: 'cd-usb', profile: 'hpe-ilo7' },
  { personality: 'dell-idrac8', plan: 'one', profile: 'dell-idrac-boot-by-configuration' },
  { personality: 'dell-idrac9-4.10', plan: 'one', profile: 'dell-idrac-boot-by-configuration' },
  { personality: 'dell-idrac10', plan: 'two-cd', profile: 'dell-idrac10' },
  { personality: 'supermicro-x11', plan: 'one', profile: 'supermicro-x11' },
  { personality: 'supermicro-x12', plan: 'one', profile: 'supermicro-x12' },
  { personality: 'supermicro-openbmc', plan: 'two-cd', profile: 'supermicro-openbmc' },
  { personality: 'fujitsu-irmc-s5', plan: 'cd-usb', profile: 'fujitsu-irmc' },
  { personality: 'huawei-2288h-v5', plan: 'one', profile: 'huawei-ibmc' },
  { personality: 'xfusion-2288h-v7', plan: 'one', profile: 'xfusion-ibmc' },
])(
  'a job on $personality ends complete by plan $plan',
  async ({ personality, plan, profile }) => {
    await using running = await startAppliance({ set })
    await importMaintenance(running)
    await using simulator = await addSimulated(running, { personality })
    const [machine] = simulator.machines
    const job = await running.until(await post(running, machine.serial), complete)
    expect(job).toMatchObject({ result: 'succeeded', cleanup: 'done', media_plan: plan })
    const probed = await running.send('POST', `/api/v1/machines/${machine.serial}/probe`)
    expect(probed.body).toMatchObject({ profile, media_plan: plan })
    const { drives, power, sessions, override, bootNext } = machine.state()
    expect(drives.filter(({ occupied }) => occupied)).toEqual([])
    expect({ power, sessions, bootNext }).toEqual({ power: 'On', sessions: 0, bootNext: undefined })
    expect(override.enabled).toBe('Disabled')
  },
  PATIENCE,
)

test('a controller without virtual media is refused before a job begins, and says what to do', async () => {
  await using running = await startAppliance()
  await importMaintenance(running)
  await using simulator = await addSimulated(running, { personality: 'hpe-cray-ex425' })
  const [{ serial }] = simulator.machines
  // Two systems stand behind it: which one is meant is asked first.
  const request = { server_serial: serial, recipe: linuxRecipe }
  const unclear = await running.send('POST', '/api/v1/jobs?dry_run=true', request)
  expect(unclear.body).toMatchObject({ code: 'redfish.system' })
  const system_uri = '/redfish/v1/Systems/Node0'
  await running.send('PATCH', `/api/v1/machines/${serial}`, { system_uri })
  const refused = await running.send('POST', '/api/v1/jobs?dry_run=true', request)
  expect(refused).toMatchObject({ status: 409, body: { code: 'redfish.no-media' } })
  expect(refused.body.message).toMatch(/no virtual media: boot this node over its network/)
  const probed = await running.send('POST', `/api/v1/machines/${serial}/probe`)
  expect(probed.body).toMatchObject({ profile: 'hpe-cray' })
  expect(probed.body.warnings.join()).toMatch(/booted over its network/)
})
