// SPDX-License-Identifier: AGPL-3.0-or-later

import { embody } from './embody.ts'
import type { Interception, RequestRecord } from './exchanges.ts'
import type { Hardware, HardwareParts } from './hardware.ts'
import type { ImageRead } from './image-reader.ts'
import { type MachineState, SimulatedMachine } from './machine.ts'
import type { Manners } from './manners.ts'
import { Pace } from './pace.ts'
import { scriptNamed } from './scripts.ts'
import { type ListenOptions, listen } from './server.ts'

/** A machine that is to be simulated. */
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
  /** A real machine behind the controller; the script then says nothing. */
  readonly hardware?: (parts: HardwareParts) => Hardware
}

/** How a simulator is started. */
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

/** Something that happened at a machine; `what` is one of a few words, `detail` is for people. */
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

/** Running controllers; disposing ends all of them and what runs on their machines. */
export interface Simulator extends AsyncDisposable {
  readonly machines: readonly RunningMachine[]
}

/** Starts controllers, each on a listener of its own. Throws faults of area `simulator`. */
export async function startSimulator(options: SimulatorOptions): Promise<Simulator> {
  await using scope = new AsyncDisposableStack()
  const { host = '127.0.0.1', port = 0 } = options.listen ?? {}
  const machines: RunningMachine[] = []
  for (const [index, spec] of withSerials(options.machines).entries()) {
    const place = { host, port: port === 0 ? 0 : port + index, tls: options.tls }
    machines.push(await startMachine(spec, options, place, scope))
  }
  const open = scope.move()
  return { machines, [Symbol.asyncDispose]: () => open.disposeAsync() }
}

async function startMachine(
  spec: MachineSpec,
  options: SimulatorOptions,
  place: ListenOptions,
  scope: AsyncDisposableStack,
): Promise<RunningMachine> {
  const { personality, username = 'admin', password = randomPassword(), script = 'success' } = spec
  const embodiment = embody(personality, spec.serial)
  const { serial } = embodiment
  const machine = new SimulatedMachine({
    embodiment,
    manners: { ...embodiment.manners, ...spec.manners },
    script: scriptNamed(script),
    username,
    password,
    hardware: spec.hardware,
    pace: new Pace(options.pace ?? 0),
    now: options.now ?? Date.now,
    tell: (what, detail) => options.tell?.({ serial, what, detail }),
  })
  scope.defer(() => machine.close())
  const { exchanges, imageReads } = machine
  const { requests, faults } = exchanges
  const listener = scope.use(await listen(place, (asked) => exchanges.handle(asked)))
  return {
    ...{ personality, serial, username, password, requests, imageReads, faults },
    bmcUrl: listener.origin,
    state: () => machine.state(),
    waitFor: (holds, timeoutMs) => machine.waitFor(holds, timeoutMs),
    play: (name) => machine.play(scriptNamed(name)),
  }
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
