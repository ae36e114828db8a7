// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Manners } from './manners.ts'
import type { Pace } from './pace.ts'
import { Refusal } from './refusal.ts'

/** PowerState of the ComputerSystem (DSP2046). */
export type Power = 'On' | 'Off' | 'PoweringOn' | 'PoweringOff'

/** What power acts on. */
export interface PowerParts {
  readonly manners: Manners
  readonly pace: Pace
  /** Runs from the end of power-on until the signal is aborted by power off, reset or close. Must not reject. */
  readonly boot: (signal: AbortSignal) => Promise<void>
  /** A power button that the machine's own system hears; without one, manners say what it does. */
  readonly pressButton: (() => void) | undefined
  /** As the machine is found. */
  readonly initially: Power
  readonly changed: () => void
}

/** The power of one simulated machine, and the life of what runs on it. */
export class PowerSwitch {
  readonly #parts: PowerParts
  readonly #closing = new AbortController()
  #state: Power
  #conflicts: number
  #life = new AbortController()
  #running: Promise<void> = Promise.resolve()
  #transition: Promise<void> = Promise.resolve()

  constructor(parts: PowerParts) {
    this.#parts = parts
    this.#state = parts.initially
    this.#conflicts = parts.manners.onConflicts
  }

  get state(): Power {
    return this.#state
  }

  /**
   * One ComputerSystem.Reset. Throws a Refusal when the present state has no use for it; what it
   * began is done when the promise resolves, which a caller need not wait for.
   */
  reset(type: string): Promise<void> {
    const verbs: Record<string, () => Promise<void>> = {
      On: () => this.#from('Off', type, () => this.#turnOnAtLast(type)),
      ForceOn: () => this.#from('Off', type, () => this.#turnOn()),
      ForceOff: () => this.#from('On', type, () => this.#turnOff()),
      ForceRestart: () => this.#from('On', type, async () => this.#start()),
      PowerCycle: () => this.#from('On', type, () => this.#turnOff(() => this.#turnOn())),
      GracefulShutdown: () => this.#graceful(type, () => this.#turnOff()),
      GracefulRestart: () => this.#graceful(type, async () => this.#start()),
      PushPowerButton: () =>
        this.#state === 'Off' ? this.#turnOn() : this.#graceful(type, () => this.#turnOff()),
      // The operating system gets an interrupt; to the controller nothing changes.
      Nmi: () => this.#from('On', type, async () => undefined),
    }
    const verb = verbs[type]
    if (!verb) throw new Refusal('parameterValue', ['ComputerSystem.Reset', 'ResetType'])
    return verb()
  }

  /** What the machine's own operating system does at its end. */
  powerDown(): void {
    if (this.#state === 'On') void this.#turnOff()
  }

  /** Ends whatever runs; no change of power happens any more. */
  async close(): Promise<void> {
    this.#closing.abort()
    this.#life.abort()
    await this.#transition
    await this.#running
  }

  #from(state: Power, type: string, work: () => Promise<void>): Promise<void> {
    if (this.#state !== state) throw new Refusal('wrongState', [type])
    return work()
  }

  #graceful(type: string, work: () => Promise<void>): Promise<void> {
    const { pressButton } = this.#parts
    if (pressButton) return this.#from('On', type, async () => pressButton())
    const hangs = async () => undefined
    return this.#from('On', type, this.#parts.manners.gracefulHangs ? hangs : work)
  }

  /** Power on by order, where the first orders may be refused. */
  #turnOnAtLast(type: string): Promise<void> {
    if (this.#conflicts === 0) return this.#turnOn()
    this.#conflicts -= 1
    throw new Refusal('wrongState', [type])
  }

  #turnOn(): Promise<void> {
    return this.#pass('PoweringOn', this.#parts.manners.powerOnMs, () => this.#start())
  }

  #turnOff(then?: () => Promise<void>): Promise<void> {
    this.#life.abort()
    return this.#pass('PoweringOff', this.#parts.manners.powerOffMs, async () => {
      await this.#running
      this.#set('Off')
      return then?.()
    })
  }

  /** The machine is On and begins at its firmware, whatever ran before. */
  #start(): void {
    this.#life.abort()
    this.#life = new AbortController()
    this.#set('On')
    const { signal } = this.#life
    // What ran before has its end first: two lives can not share one machine.
    this.#running = this.#running.then(() => this.#parts.boot(signal))
  }

  #pass(state: Power, ms: number, then: () => unknown): Promise<void> {
    this.#set(state)
    const { signal } = this.#closing
    this.#transition = this.#parts.pace.wait(ms, signal).then(
      async () => void (await then()),
      // Closed meanwhile: the machine stays as it is.
      () => undefined,
    )
    return this.#transition
  }

  #set(state: Power): void {
    this.#state = state
    this.#parts.changed()
  }
}
