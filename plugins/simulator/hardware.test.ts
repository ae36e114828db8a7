// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { launchPlans, overrideOnce, powerOff, powerOn } from '../../test/fake-bmc/launch.ts'
import { openMachine } from '../../test/fake-bmc/raw-client.ts'
import type { Hardware, HardwareBoot, HardwareDrive } from './hardware.ts'

/** A machine whose every move the test makes. */
class Puppet implements Hardware {
  drives: readonly HardwareDrive[] = []
  pressed = 0
  disposed = false
  boots: HardwareBoot[] = []
  /** What the machine does next, or power does to it. */
  end = Promise.withResolvers<'off' | 'reset'>()
  /** Runs that have not settled; two would be two machines in one. */
  running = 0

  async run(boot: HardwareBoot, signal: AbortSignal): Promise<'off' | 'reset'> {
    this.boots.push(boot)
    this.running += 1
    this.end = Promise.withResolvers()
    const cut = Promise.withResolvers<'off'>()
    signal.addEventListener('abort', () => cut.resolve('off'))
    const ending = await Promise.race([this.end.promise, cut.promise])
    this.running -= 1
    return ending
  }

  pressButton(): void {
    this.pressed += 1
  }

  hold(drives: readonly HardwareDrive[]): void {
    this.drives = drives
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.disposed = true
  }
}

/** The machine has been started so many times. */
async function begun(puppet: Puppet, boots: number): Promise<void> {
  while (puppet.boots.length < boots) await new Promise(setImmediate)
}

const personality = 'dell-r750'
const plan = launchPlans[personality]
const boot = plan?.boot ?? ''

async function openPuppet() {
  const puppet = new Puppet()
  const open = await openMachine({ personality, hardware: () => puppet })
  const reset = (ResetType: string) =>
    open.send('POST', `${plan?.system}/Actions/ComputerSystem.Reset`, { body: { ResetType } })
  return { ...open, puppet, reset, [Symbol.asyncDispose]: () => open[Symbol.asyncDispose]() }
}

test('hardware is found switched off, and its boot order is the override’s', async () => {
  await using open = await openPuppet()
  const { machine, puppet } = open
  expect(machine.state()).toMatchObject({ power: 'Off', boots: [] })
  await overrideOnce(machine, 'Cd')
  await powerOn(machine)
  await machine.waitFor(({ power }) => power === 'On')
  await begun(puppet, 1)
  expect(puppet.boots[0]?.first[0]).toBe(boot)
})

test('an order for one boot stands until the firmware has gone on from it', async () => {
  await using open = await openPuppet()
  const { machine, puppet } = open
  await overrideOnce(machine, 'Cd')
  await powerOn(machine)
  const { override } = await machine.waitFor(({ inPost }) => inPost)
  expect(override.enabled).toBe('Once')
  puppet.boots[0]?.wentOn(boot)
  // A drive that is read again later is no other boot.
  puppet.boots[0]?.wentOn(boot)
  expect(machine.state()).toMatchObject({
    override: { enabled: 'Disabled' },
    inPost: false,
    bootedFrom: boot,
    boots: [{ from: boot }],
  })
  puppet.end.resolve('reset')
  await begun(puppet, 2)
  expect(puppet.boots[1]?.first).toEqual([])
  expect(puppet.running).toBe(1)
})

test('an order for one boot outlives a machine that is cut off in its firmware, not one that resets there', async () => {
  await using open = await openPuppet()
  const { machine, puppet } = open
  await overrideOnce(machine, 'Cd')
  await powerOn(machine)
  await machine.waitFor(({ inPost }) => inPost)
  await powerOff(machine)
  expect(puppet.running).toBe(0)
  // What it reads on its way out counts no more.
  puppet.boots[0]?.wentOn(boot)
  expect(machine.state()).toMatchObject({ override: { enabled: 'Once' }, boots: [] })
  await powerOn(machine)
  await machine.waitFor(({ inPost }) => inPost)
  puppet.end.resolve('reset')
  const { override } = await machine.waitFor(({ boots }) => boots.length > 0)
  expect(override.enabled).toBe('Disabled')
})

test('a machine that switches itself off is off for its controller', async () => {
  await using open = await openPuppet()
  const { machine, puppet } = open
  await powerOn(machine)
  await begun(puppet, 1)
  puppet.end.resolve('off')
  await machine.waitFor(({ power }) => power === 'Off')
})

test('a graceful shutdown presses the button, and what comes of it is the machine’s affair', async () => {
  await using open = await openPuppet()
  const { machine, puppet } = open
  await powerOn(machine)
  await begun(puppet, 1)
  expect((await open.reset('GracefulShutdown')).status).toBeLessThan(300)
  expect([puppet.pressed, machine.state().power]).toEqual([1, 'On'])
})

test('ForceRestart lets the old life end before the new one begins', async () => {
  await using open = await openPuppet()
  const { machine, puppet } = open
  await powerOn(machine)
  await begun(puppet, 1)
  await open.reset('ForceRestart')
  await begun(puppet, 2)
  expect(puppet.running).toBe(1)
})

test('hardware that could not run is off, and says why', async () => {
  await using open = await openPuppet()
  const { machine, puppet } = open
  await powerOn(machine)
  await begun(puppet, 1)
  puppet.end.reject(new Error('no such firmware'))
  await machine.waitFor(({ power }) => power === 'Off')
})

test('the end of the simulator takes the power and gives the hardware back', async () => {
  const open = await openPuppet()
  await powerOn(open.machine)
  await begun(open.puppet, 1)
  await open[Symbol.asyncDispose]()
  expect([open.puppet.running, open.puppet.disposed]).toEqual([0, true])
})
