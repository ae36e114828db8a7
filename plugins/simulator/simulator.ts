// SPDX-License-Identifier: AGPL-3.0-or-later

import { SimulatedMachine } from './machine.ts'
import type { Manners } from './manners.ts'
import { Pace } from './pace.ts'
import { embody } from './personality.ts'
import { listen } from './server.ts'

export interface MachineSpec {
  /** One of `personalityNames`. */
  readonly personality: string
  /** Default the captured one; a second machine of the same personality gets a number added. */
  readonly serial?: string
  readonly username?: string
  /** Default random. */
  readonly password?: string
  /** Laid over the personality's own. */
  readonly manners?: Partial<Manners>
}

export interface SimulatorOptions {
  readonly machines: readonly MachineSpec[]
  /** Default 127.0.0.1 and free ports; a port counts up from machine to machine. */
  readonly listen?: { readonly host?: string; readonly port?: number }
  /** Key and certificate as PEM; with them the controllers speak HTTPS. */
  readonly tls?: { readonly key: string; readonly cert: string }
  /** 1 as in life, 0 (default) as fast as the computer can. */
  readonly pace?: number
  /** Unix ms; sessions expire by it. */
  readonly now?: () => number
}

/** A simulated machine as its operator knows it, and as a test looks into it. */
export type RunningMachine = Pick<
  SimulatedMachine,
  'serial' | 'state' | 'waitFor' | 'requests' | 'imageReads' | 'faults'
> & {
  readonly personality: string
  readonly bmcUrl: string
  readonly username: string
  readonly password: string
}

export interface Simulator extends AsyncDisposable {
  readonly machines: readonly RunningMachine[]
}

/** Starts controllers, each on a listener of its own. Throws faults of area `simulator`. */
export async function startSimulator(options: SimulatorOptions): Promise<Simulator> {
  await using scope = new AsyncDisposableStack()
  const pace = new Pace(options.pace ?? 0)
  const now = options.now ?? Date.now
  const { host = '127.0.0.1', port = 0 } = options.listen ?? {}
  const machines: RunningMachine[] = []
  for (const [index, spec] of withSerials(options.machines).entries()) {
    const embodiment = embody(spec.personality, spec.serial)
    const manners = { ...embodiment.manners, ...spec.manners }
    const { username = 'admin', password = randomPassword() } = spec
    const machine = new SimulatedMachine({ embodiment, manners, username, password, pace, now })
    scope.defer(() => machine.close())
    const place = { host, port: port === 0 ? 0 : port + index, tls: options.tls }
    const listener = scope.use(await listen(place, (asked) => machine.handle(asked)))
    machines.push(
      Object.assign(machine, {
        personality: spec.personality,
        bmcUrl: listener.origin,
        username,
        password,
      }),
    )
  }
  const open = scope.move()
  return { machines, [Symbol.asyncDispose]: () => open.disposeAsync() }
}

/** Gives machines that would be the same unit serials of their own. */
function withSerials(specs: readonly MachineSpec[]): readonly MachineSpec[] {
  const taken = new Set(specs.map(({ serial }) => serial))
  return specs.map((spec) => {
    if (spec.serial !== undefined) return spec
    const { serial: own } = embody(spec.personality, undefined)
    let serial = own
    for (let number = 2; taken.has(serial); number += 1) serial = `${own}-${number}`
    taken.add(serial)
    return { ...spec, serial }
  })
}

const randomPassword = () =>
  Buffer.from(crypto.getRandomValues(new Uint8Array(12))).toString('base64url')
