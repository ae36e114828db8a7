// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, test } from 'bun:test'
import { launchPlans, powerOff } from '../../test/fake-bmc/launch.ts'
import { messageId, type OpenMachine, openMachine } from '../../test/fake-bmc/raw-client.ts'

const systemOf = ({ machine }: OpenMachine) => launchPlans[machine.personality]?.system ?? ''
const reset = (open: OpenMachine, ResetType: string) =>
  open.send('POST', `${systemOf(open)}/Actions/ComputerSystem.Reset`, { body: { ResetType } })
const power = async (open: OpenMachine) =>
  (await open.send('GET', `${systemOf(open)}/`)).body.PowerState

describe.each(Object.keys(launchPlans))('%s', (personality) => {
  test('goes off and on, each through a state between', async () => {
    const manners = { powerOnMs: 20, powerOffMs: 20, postMs: 0 }
    await using open = await openMachine({ personality, manners }, { pace: 1 })
    expect(await power(open)).toBe('On')
    expect((await reset(open, 'ForceOff')).status).toBeLessThan(300)
    expect(await power(open)).toBe('PoweringOff')
    await open.machine.waitFor((state) => state.power === 'Off')
    expect((await reset(open, 'On')).status).toBeLessThan(300)
    expect(await power(open)).toBe('PoweringOn')
    const { bootedFrom } = await open.machine.waitFor(({ boots }) => boots.length === 1)
    expect([await power(open), bootedFrom]).toEqual(['On', 'disk'])
  })

  test('accepts a graceful shutdown that never happens', async () => {
    await using open = await openMachine({ personality })
    expect((await reset(open, 'GracefulShutdown')).status).toBeLessThan(300)
    await expect(open.machine.waitFor((state) => state.power !== 'On', 50)).rejects.toThrow(
      'in time',
    )
    expect((await reset(open, 'ForceOff')).status).toBeLessThan(300)
    await open.machine.waitFor((state) => state.power === 'Off')
  })

  test('shuts down gracefully when its operating system listens', async () => {
    await using open = await openMachine({ personality, manners: { gracefulHangs: false } })
    await reset(open, 'GracefulShutdown')
    await open.machine.waitFor((state) => state.power === 'Off')
  })

  test('boots anew at ForceRestart without going off', async () => {
    await using open = await openMachine({ personality })
    expect((await reset(open, 'ForceRestart')).status).toBeLessThan(300)
    await open.machine.waitFor(({ boots }) => boots.length === 1)
    expect(await power(open)).toBe('On')
  })
})

describe('a reset that the present state has no use for', () => {
  test.each([
    ['dell-r750', 409, 'Base.1.12.ActionParameterValueConflict'],
    ['supermicro-x13', 409, 'Base.1.10.ActionParameterValueConflict'],
    ['hpe-dl360', 400, 'iLO.2.15.InvalidOperationForSystemState'],
  ])('is refused by %s with %d', async (personality, status, id) => {
    await using open = await openMachine({ personality })
    const answers = [await reset(open, 'On')]
    await powerOff(open.machine)
    for (const type of ['ForceOff', 'ForceRestart', 'GracefulShutdown']) {
      answers.push(await reset(open, type))
    }
    expect(answers.map((answer) => [answer.status, messageId(answer)])).toEqual(
      Array.from({ length: 4 }, () => [status, id]),
    )
    expect(await power(open)).toBe('Off')
  })

  test('is refused while power changes', async () => {
    const manners = { powerOffMs: 600_000 }
    await using open = await openMachine({ personality: 'dell-r750', manners }, { pace: 1 })
    await reset(open, 'ForceOff')
    expect((await reset(open, 'On')).status).toBe(409)
  })
})

test('a reset may be a task, which ends when power is as it was told to be', async () => {
  const manners = { resetAnswer: 'task', powerOffMs: 5 } as const
  await using open = await openMachine({ personality: 'dell-r750', manners }, { pace: 1 })
  const accepted = await reset(open, 'ForceOff')
  expect([accepted.status, accepted.body.TaskState]).toEqual([202, 'Running'])
  await open.machine.waitFor(({ tasks }) => tasks[0]?.state === 'Completed')
  expect(await power(open)).toBe('Off')
  // What is refused is refused at once, without a task.
  expect((await reset(open, 'ForceOff')).status).toBe(409)
})

test('PowerCycle goes through Off', async () => {
  const manners = { powerOffMs: 5, powerOnMs: 5, postMs: 0 }
  await using open = await openMachine({ personality: 'dell-r750', manners }, { pace: 1 })
  const off = open.machine.waitFor((state) => state.power === 'PoweringOff')
  expect((await reset(open, 'PowerCycle')).status).toBe(204)
  await off
  await open.machine.waitFor(({ boots }) => boots.length === 1)
  expect(await power(open)).toBe('On')
})

test('the power button turns on what is off', async () => {
  await using open = await openMachine({ personality: 'dell-r750' })
  await powerOff(open.machine)
  await reset(open, 'PushPowerButton')
  await open.machine.waitFor((state) => state.power === 'On')
})

test('a Supermicro takes the reset types that its ActionInfo lists', async () => {
  await using open = await openMachine({ personality: 'supermicro-x13' })
  await powerOff(open.machine)
  expect((await reset(open, 'PushPowerButton')).status).toBe(400)
  expect((await reset(open, 'ForceOn')).status).toBe(200)
  await open.machine.waitFor((state) => state.power === 'On')
})
