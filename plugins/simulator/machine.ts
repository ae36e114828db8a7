// SPDX-License-Identifier: AGPL-3.0-or-later
import { Controller } from './controller.ts'
import { type Drive, drivesOf } from './drive.ts'
import { simulatorFaults } from './faults.ts'
import { type ImageRead, ImageReader } from './image-reader.ts'
import type { Manners } from './manners.ts'
import { capturedOverride, disabled, type Override } from './override.ts'
import type { Pace } from './pace.ts'
import type { Embodiment } from './personality.ts'
import { type Power, PowerSwitch } from './power.ts'
import { Refusal } from './refusal.ts'
import type { Outcome } from './server.ts'
import { Sessions } from './sessions.ts'
import { Tasks } from './tasks.ts'
import { type Asked, isResource, type Resource } from './wire.ts'

/** From where a boot went on after the firmware: a drive's URI, or the machine's own disk. */
export interface Boot {
  /** Unix ms. */
  readonly at: number
  readonly from: 'disk' | (string & {})
}

/** What a test or a person sees of a simulated machine. */
export interface MachineState {
  readonly power: Power
  readonly inPost: boolean
  readonly drives: readonly {
    readonly uri: string
    readonly id: string
    readonly occupied: boolean
    readonly image: string | undefined
  }[]
  readonly override: Override
  /** Sessions open at the controller. */
  readonly sessions: number
  readonly tasks: readonly { readonly id: string; readonly state: string }[]
  readonly boots: readonly Boot[]
  /** Where the machine runs from now; undefined while it is off or in its firmware. */
  readonly bootedFrom: string | undefined
}

/** One request to the controller, with what came of it. Passwords are left out. */
export interface RequestRecord {
  readonly at: number
  readonly method: string
  readonly path: string
  readonly body: Resource | undefined
  readonly ifMatch: string | undefined
  /** Undefined when the connection was dropped. */
  readonly status: number | undefined
}

/** Stands between the network and the controller: answers itself, breaks the line, or asks `next`. */
export type Interception = (asked: Asked, next: () => Promise<Outcome>) => Promise<Outcome>

export interface MachineOptions {
  readonly embodiment: Embodiment
  readonly manners: Manners
  readonly username: string
  readonly password: string
  readonly pace: Pace
  readonly now: () => number
}

/** One simulated server with its controller. Nothing of it is shared with another. */
export class SimulatedMachine {
  readonly faults = new Set<Interception>()
  readonly requests: RequestRecord[] = []
  readonly imageReads: ImageRead[] = []
  readonly drives: readonly Drive[]
  override: Override
  inPost = false
  readonly #options: MachineOptions
  readonly #controller: Controller
  readonly #reader: ImageReader
  readonly #sessions: Sessions
  readonly #tasks: Tasks
  readonly #power: PowerSwitch
  readonly #boots: Boot[] = []
  readonly #watchers = new Set<() => void>()
  readonly #end = new AbortController()
  // All captures were taken from machines that ran.
  #bootedFrom: string | undefined = 'disk'

  constructor(options: MachineOptions) {
    this.#options = options
    const { embodiment, manners, now, pace, username, password } = options
    const { resources, systemUri } = embodiment
    this.drives = drivesOf(resources, manners)
    this.override = capturedOverride(resources.get(systemUri) ?? {})
    const { sessionCap: cap, sessionTimeoutMs: timeoutMs } = manners
    this.#sessions = new Sessions({ username, password, cap, timeoutMs, now })
    this.#tasks = new Tasks(manners, now)
    this.#reader = new ImageReader({
      imageTls: manners.imageTls,
      manyConnections: manners.manyConnections,
      onRead: (read) => this.imageReads.push(read),
    })
    this.#power = new PowerSwitch({
      manners,
      pace,
      boot: (signal) => this.#boot(signal),
      changed: () => this.changed(),
    })
    this.#controller = new Controller({
      manners,
      captured: resources,
      systemUri,
      drives: this.drives,
      sessions: this.#sessions,
      tasks: this.#tasks,
      machine: this,
    })
  }

  get serial(): string {
    return this.#options.embodiment.serial
  }

  get power(): Power {
    return this.#power.state
  }

  reset(type: string): void {
    this.#power.reset(type)
  }

  state(): MachineState {
    const bootedFrom = this.power === 'On' && !this.inPost ? this.#bootedFrom : undefined
    return {
      power: this.power,
      inPost: this.inPost,
      drives: this.drives.map(({ uri, id, occupied, image }) => ({ uri, id, occupied, image })),
      override: this.override,
      sessions: this.#sessions.list().length,
      tasks: this.#tasks.list().map(({ id, state }) => ({ id, state })),
      boots: [...this.#boots],
      bootedFrom,
    }
  }

  /** Resolves when the predicate holds, looking after each change; throws `simulator.late`. */
  waitFor(holds: (state: MachineState) => boolean, timeoutMs = 10_000): Promise<MachineState> {
    const { promise, resolve, reject } = Promise.withResolvers<MachineState>()
    const look = () => {
      const state = this.state()
      if (holds(state)) resolve(state)
    }
    const timer = setTimeout(() => {
      const found = JSON.stringify(this.state())
      reject(simulatorFaults.late(`${this.serial} did not come to that state in time: ${found}`))
    }, timeoutMs)
    this.#watchers.add(look)
    look()
    return promise.finally(() => {
      clearTimeout(timer)
      this.#watchers.delete(look)
    })
  }

  changed(): void {
    for (const look of this.#watchers) look()
  }

  /** What the controller, or whoever stands before it, does with one request. */
  async handle(asked: Asked): Promise<Outcome> {
    const ask = [...this.faults].reduceRight<() => Promise<Outcome>>(
      (next, fault) => () => fault(asked, next),
      () => this.#controller.handle(asked),
    )
    const outcome = await ask()
    this.requests.push({
      at: this.#options.now(),
      method: asked.method,
      path: asked.path,
      body: bodyOf(asked.text),
      ifMatch: asked.headers['if-match'],
      status: typeof outcome === 'symbol' ? undefined : outcome.status,
    })
    return outcome
  }

  async probeImage(_drive: Drive, image: string): Promise<void> {
    try {
      const size = await this.#reader.size(image, this.#end.signal)
      await this.#reader.read(image, 0, Math.min(size, 2_048), this.#end.signal)
    } catch (cause) {
      throw new Refusal('image', [image], {}, { cause })
    }
  }

  async close(): Promise<void> {
    this.#end.abort()
    this.#power.close()
    await this.#reader.close()
  }

  async #boot(signal: AbortSignal): Promise<void> {
    const { manners, pace, now } = this.#options
    this.inPost = true
    this.#bootedFrom = undefined
    this.changed()
    try {
      await pace.wait(manners.postMs, signal)
    } catch {
      return
    } finally {
      this.inPost = false
    }
    const { enabled, target } = this.override
    if (enabled === 'Once') this.override = disabled(this.override, manners)
    const wanted = enabled === 'Disabled' ? [] : (manners.boots[target] ?? [])
    const drive = wanted
      .flatMap((pattern) => this.drives.filter(({ uri }) => pattern.test(uri)))
      .find(({ image }) => image !== undefined)
    this.#bootedFrom = drive?.uri ?? 'disk'
    this.#boots.push({ at: now(), from: this.#bootedFrom })
    this.changed()
  }
}

/** A request's JSON for the log, without what must not be kept. */
function bodyOf(text: string): Resource | undefined {
  try {
    const body: unknown = JSON.parse(text)
    if (!isResource(body)) return undefined
    return 'Password' in body ? { ...body, Password: '[redacted]' } : body
  } catch {
    return undefined
  }
}
