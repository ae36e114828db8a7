// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Plugin } from '../../core/plugin.ts'
import { redfishDell } from '../../plugins/redfish-dell/index.ts'
import { redfishSupermicro } from '../../plugins/redfish-supermicro/index.ts'
import { type RunningMachine, startSimulator } from '../../plugins/simulator/index.ts'
import { createContact } from '../fake-bmc/contact.ts'
import { serveImages } from '../fake-bmc/images.ts'
import { type BmcUnderTest, bmcContract, type Truth } from './bmc.ts'

function truthOf(machine: RunningMachine): Truth {
  const { power, drives, override, boots, sessions } = machine.state()
  const images = drives.flatMap(({ uri, occupied, image }) => (occupied ? [[uri, image]] : []))
  return {
    power,
    images: Object.fromEntries(images),
    override,
    booted: boots.flatMap(({ from }) => (from.startsWith('/') ? [from] : [])),
    sessions,
  }
}

async function simulated(personality: string, profiles: readonly Plugin[]): Promise<BmcUnderTest> {
  await using scope = new AsyncDisposableStack()
  const images = scope.use(await serveImages())
  const simulator = scope.use(await startSimulator({ machines: [{ personality }] }))
  const [machine] = simulator.machines
  if (!machine) throw new Error('the simulator started no machine')
  const { bmcUrl: url, username, password } = machine
  const contact = scope.use(await createContact({ url, username, password, profiles }))
  const opened = scope.move()
  return {
    open: contact.open,
    truth: () => truthOf(machine),
    until: (holds) => machine.waitFor(() => holds(truthOf(machine))),
    imageUrls: images.urls,
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}

bmcContract('iDRAC 9', () => simulated('dell-r750', [redfishDell]))
bmcContract('Supermicro X13', () => simulated('supermicro-x13', [redfishSupermicro]))
// No profile: the standard's own rules are enough for iLO 5.
bmcContract('iLO 5', () => simulated('hpe-dl360', []))
