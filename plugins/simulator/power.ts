// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Manners } from './manners.ts'
import type { Pace } from './pace.ts'
import { Refusal } from './refusal.ts'

export type Power = 'On' | 'Off' | 'PoweringOn' | 'PoweringOff'

export interface PowerParts {
  readonly manners: Manners
  readonly pace: Pace
  /** Runs from the end of power-on until the signal is aborted by power off, reset or close. */
  readonly boot: (signal: AbortSignal) => Promise<void>
  readonly changed: () => void
}

/** The power of one simulated machine, and the life of what runs on it. */
export class PowerSwitch {
  readonly #parts: PowerParts
  #state: Power = 'On'
  #life = new AbortController()
  #closed = false

  constructor(parts: PowerParts) {
    this.#parts = parts
  }

  get state(): Power {
    return this.#state
  }

  /** One ComputerSystem.Reset. Throws a Refusal when the present state has no use for it. */
  reset(type: string): void {
    const verbs: Record<string, () => void> = {
      On: () => this.#need('Off', type, () => this.#turnOn()),
      ForceOn: () => this.#need('Off', type, () => this.#turnOn()),
      ForceOff: () => this.#need('On', type, () => this.#turnOff()),
      ForceRestart: () => this.#need('On', type, () => this.#start()),
      PowerCycle: () => this.#need('On', type, () => this.#turnOff(() => this.#turnOn())),
      GracefulShutdown: () => this.#graceful(type, () => this.#turnOff()),
      GracefulRestart: () => this.#graceful(type, () => this.#start()),
      PushPowerButton: () =>
        this.#state === 'Off' ? this.#turnOn() : this.#graceful(type, () => this.#turnOff()),
      // The operating system gets an interrupt; to the controller nothing changes.
      Nmi: () => this.#need('On', type, () => undefined),
    }
    const verb = verbs[type]
    if (!verb) throw new Refusal('parameterValue', ['ComputerSystem.Reset', 'ResetType'])
    verb()
  }

  /** What the machine's own operating system does at its end. */
  powerDown(): void {
    if (this.#state === 'On') this.#turnOff()
  }

  /** Ends whatever runs; no change of power happens any more. */
  close(): void {
    this.#closed = true
    this.#life.abort()
  }

  #need(state: Power, type: string, work: () => void): void {
    if (this.#state !== state) throw new Refusal('wrongState', [type])
    work()
  }

  #graceful(type: string, work: () => void): void {
    this.#need('On', type, () => {
      if (!this.#parts.manners.gracefulHangs) work()
    })
  }

  #turnOn(): void {
    this.#pass('PoweringOn', this.#parts.manners.powerOnMs, () => this.#start())
  }

  #turnOff(then?: () => void): void {
    this.#life.abort()
    this.#pass('PoweringOff', this.#parts.manners.powerOffMs, () => {
      this.#set('Off')
      then?.()
    })
  }

  /** The machine is On and begins at its firmware, whatever ran before. */
  #start(): void {
    this.#life.abort()
    this.#life = new AbortController()
    this.#set('On')
    void this.#parts.boot(this.#life.signal)
  }

  #pass(state: Power, ms: number, then: () => void): void {
    this.#set(state)
    void this.#parts.pace.wait(ms).then(() => {
      if (!this.#closed) then()
    })
  }

  #set(state: Power): void {
    this.#state = state
    this.#parts.changed()
  }
}
