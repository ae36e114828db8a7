// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { MINUTE } from '../../core/units.ts'
import { complete, post } from '../stage.ts'
import { pythonTools } from './python-tools.ts'
import {
  install,
  jobOf,
  LIMIT_MS,
  launched,
  type Meeting,
  meetEmulator,
  serial,
  tells,
  until,
} from './stage.ts'

const tools = await pythonTools('sushy-tools', '2.2.0')
if ('missing' in tools) console.log(`skipped: ${tools.missing}`)

/** All at once: each waits for its emulator most of the time. */
const story = (name: string, play: (meeting: Meeting) => Promise<void>) =>
  test.skipIf('missing' in tools).concurrent(
    name,
    async () => {
      await using meeting = await meetEmulator('bin' in tools ? tools.bin : '')
      await play(meeting)
    },
    LIMIT_MS,
  )

const succeeded = { status: 'complete', result: 'succeeded', cleanup: 'done' }

story(
  'a controller that fetches at the insert and reads nothing later gets its whole job',
  async ({ emulator, running }) => {
    const id = await post(running, serial)
    await until(running, id, launched)
    expect(await emulator.system()).toMatchObject({
      PowerState: 'On',
      Boot: { BootSourceOverrideTarget: 'Cd', BootSourceOverrideEnabled: 'Continuous' },
    })
    // Longer than media may stay unread: it holds copies of its own, so nothing is missing.
    running.clock.advance(16 * MINUTE)
    await running.tick()
    const waiting = await jobOf(running, id)
    expect(waiting).toMatchObject({ status: 'provisioning', media_plan: 'two-cd' })
    const levels = waiting.evidence.map(({ level }: { readonly level: string }) => level)
    expect([...new Set(levels)]).toEqual(['fetched'])
    await install(emulator)
    await emulator.powerOff()
    expect(await until(running, id, complete)).toMatchObject(succeeded)
    expect(await emulator.system()).toMatchObject({ PowerState: 'On' })
  },
)

story('a machine that boots nothing ends as unclaimed after one launch', async ({ running }) => {
  const id = await post(running, serial)
  await until(running, id, launched)
  running.clock.advance(31 * MINUTE)
  const job = await until(running, id, complete)
  expect(job).toMatchObject({ result: 'failed', failed_code: 'machine.unclaimed' })
  expect(tells(/launching once more/)(job)).toBe(false)
})

story(
  'a controller that restarts during the power off is asked again',
  async ({ emulator, running }) => {
    const id = await post(running, serial)
    const passing = until(running, id, launched)
    await emulator.heard(/POST .*ComputerSystem.Reset/)
    await emulator.kill()
    await emulator.start()
    await passing
    await install(emulator)
    await emulator.powerOff()
    expect(await until(running, id, complete)).toMatchObject(succeeded)
  },
)

story(
  'a controller that restarts while the machine writes changes nothing',
  async ({ emulator, running }) => {
    const id = await post(running, serial)
    await until(running, id, launched)
    await emulator.kill()
    await install(emulator)
    await emulator.start()
    await emulator.powerOff()
    expect(await until(running, id, complete)).toMatchObject(succeeded)
  },
)

story(
  'a controller that is away at the end is cleaned up when it comes back',
  async ({ emulator, running }) => {
    const id = await post(running, serial)
    await until(running, id, launched)
    await install(emulator)
    await emulator.kill()
    await until(running, id, tells(/cleanup attempt 2 failed/))
    await emulator.start()
    expect(await until(running, id, complete)).toMatchObject(succeeded)
  },
)

story(
  'a controller that comes back without images and state ends the job by name',
  async ({ emulator, running }) => {
    const id = await post(running, serial)
    await until(running, id, launched)
    await emulator.kill()
    await emulator.forget()
    await emulator.start()
    running.clock.advance(31 * MINUTE)
    expect(await until(running, id, complete)).toMatchObject({
      result: 'failed',
      failed_code: 'machine.unclaimed',
      failed_reason: expect.stringMatching(/console/),
      cleanup: 'done',
    })
  },
)
