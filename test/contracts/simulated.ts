// SPDX-License-Identifier: AGPL-3.0-or-later
import { builtInPlugins } from '../../appliance/plugins.ts'
import type { Plugin } from '../../core/plugin.ts'
import { type RunningMachine, startSimulator } from '../../plugins/simulator/index.ts'
import { type ContactOptions, createContact } from '../fake-bmc/contact.ts'
import { serveImages } from '../fake-bmc/images.ts'
import type { BmcUnderTest, Truth } from './bmc.ts'

/** Plugins that know a family of controllers, in the order of the executable. */
export const profilePlugins: readonly Plugin[] = builtInPlugins.filter(({ name }) =>
  name.startsWith('redfish-'),
)

/** OEM words for the standard's boot targets. */
const TARGETS: Readonly<Record<string, string>> = { 'VCD-DVD': 'Cd' }

function truthOf(machine: RunningMachine): Truth {
  const { power, drives, override, bootNext, boots, sessions } = machine.state()
  const images = drives.flatMap(({ uri, occupied, image }) => (occupied ? [[uri, image]] : []))
  return {
    power,
    images: Object.fromEntries(images),
    override: bootNext ? { enabled: 'Once', target: TARGETS[bootNext] ?? bootNext } : override,
    booted: boots.flatMap(({ from }) => (from.startsWith('/') ? [from] : [])),
    sessions,
  }
}

/** What a controller may need to be told of, beside its address. */
export interface SimulatedOptions extends Pick<ContactOptions, 'systemUri'> {
  /** Images over https only. */
  readonly https?: boolean
  readonly profiles?: readonly Plugin[]
}

/** A simulated controller for the contract, with every profile that we have. */
export async function simulated(
  personality: string,
  { systemUri, https, profiles = profilePlugins }: SimulatedOptions = {},
): Promise<BmcUnderTest> {
  await using scope = new AsyncDisposableStack()
  const images = scope.use(await serveImages(https))
  const simulator = scope.use(await startSimulator({ machines: [{ personality }] }))
  const [machine] = simulator.machines
  if (!machine) throw new Error('the simulator started no machine')
  const { bmcUrl: url, username, password } = machine
  const options = { url, username, password, profiles, ...(systemUri && { systemUri }) }
  const contact = scope.use(await createContact(options))
  const opened = scope.move()
  return {
    open: contact.open,
    truth: () => truthOf(machine),
    until: (holds) => machine.waitFor(() => holds(truthOf(machine))),
    imageUrls: images.urls,
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}
