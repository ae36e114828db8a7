// SPDX-License-Identifier: AGPL-3.0-or-later

import type { Interception, RequestRecord } from './exchanges.ts'
import type { ImageRead } from './image-reader.ts'
import { type MachineState, SimulatedMachine } from './machine.ts'
import type { Manners } from './manners.ts'
import { Pace } from './pace.ts'
import { embody } from './personality.ts'
import { scriptNamed } from './scripts.ts'
import { listen } from './server.ts'

export interface MachineSpec {
  /** One of `personalityNames`. */
  readonly personality: string
  /** Default the captured one; a second machine of the same personality gets a number added. */
  readonly serial?: string
  readonly username?: string
  /** Default random. */
  readonly password?: string
  /** One of `scriptNames`; default `success`. */
  readonly script?: string
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
  /** What happens, for people and logs. */
  readonly tell?: (event: SimulatorEvent) => void
}

export interface SimulatorEvent {
  readonly serial: string
  readonly what: string
  readonly detail: string
}

/** A simulated machine as its operator knows it, and as a test looks into it. */
export interface RunningMachine {
  readonly personality: string
  readonly serial: string
  readonly bmcUrl: string
  readonly username: string
  readonly password: string
  state(): MachineState
  /** Resolves when the predicate holds, looking after each change; throws `simulator.late`. */
  waitFor(holds: (state: MachineState) => boolean, timeoutMs?: number): Promise<MachineState>
  /** Requests to the controller, in the order in which they were answered. */
  readonly requests: readonly RequestRecord[]
  /** Requests of the controller for images. */
  readonly imageReads: readonly ImageRead[]
  /** Laid over the controller: add and delete at will. */
  readonly faults: Set<Interception>
  /** Another script, from the next boot on. */
  play(script: string): void
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
    const script = scriptNamed(spec.script ?? 'success')
    const tell = (what: string, detail: string) =>
      options.tell?.({ serial: embodiment.serial, what, detail })
    const account = { username, password }
    const machine = new SimulatedMachine({
      embodiment,
      manners,
      script,
      pace,
      now,
      tell,
      ...account,
    })
    scope.defer(() => machine.close())
    const place = { host, port: port === 0 ? 0 : port + index, tls: options.tls }
    const { exchanges } = machine
    const listener = scope.use(await listen(place, (asked) => exchanges.handle(asked)))
    machines.push({
      ...account,
      personality: spec.personality,
      serial: machine.serial,
      bmcUrl: listener.origin,
      state: () => machine.state(),
      waitFor: (holds, timeoutMs) => machine.waitFor(holds, timeoutMs),
      requests: exchanges.requests,
      imageReads: machine.imageReads,
      faults: exchanges.faults,
      play: (name) => {
        machine.script = scriptNamed(name)
      },
    })
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
