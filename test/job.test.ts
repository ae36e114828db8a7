// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { addSimulated, importMaintenance, linuxRecipe, startAppliance } from './harness.ts'

const complete = (job: { status: string }) => job.status === 'complete'

test.each([
  { personality: 'dell-r750', script: 'success', plan: 'two-cd', failedStep: undefined },
  { personality: 'supermicro-x13', script: 'success', plan: 'two-cd', failedStep: undefined },
  { personality: 'hpe-dl360', script: 'success', plan: 'cd-usb', failedStep: undefined },
])(
  'a job on $personality ($script) ends complete',
  async ({ personality, script, plan, failedStep }) => {
    await using running = await startAppliance()
    await importMaintenance(running)
    await using simulator = await addSimulated(running, { personality, script })
    const [machine] = simulator.machines

    const { status, body } = await running.send('POST', '/api/v1/jobs', {
      server_serial: machine.serial,
      recipe: linuxRecipe,
    })
    expect({ status, body }).toMatchObject({ status: 202, body: { status: 'queued' } })
    const job = await running.until(body.job_id, complete)

    expect(job).toMatchObject({
      result: failedStep ? 'failed' : 'succeeded',
      cleanup: 'done',
      media_plan: plan,
    })
    expect(job.failed_step).toBe(failedStep)
    const state = machine.state()
    expect(state.drives.every((drive) => !drive.occupied)).toBe(true)
    expect(state.power).toBe('On')
    expect(state.sessions).toBe(0)
  },
)
