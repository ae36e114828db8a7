// SPDX-License-Identifier: AGPL-3.0-or-later
import { simulatorFaults } from './faults.ts'

/** Lets others wait for a state of something that says when it has changed. */
export class Watch<State> {
  readonly #name: string
  readonly #read: () => State
  readonly #watchers = new Set<() => void>()

  constructor(name: string, read: () => State) {
    this.#name = name
    this.#read = read
  }

  changed(): void {
    for (const look of this.#watchers) look()
  }

  /** Resolves when the predicate holds, looking after each change; throws `simulator.late`. */
  waitFor(holds: (state: State) => boolean, timeoutMs = 10_000): Promise<State> {
    const { promise, resolve, reject } = Promise.withResolvers<State>()
    const look = () => {
      const state = this.#read()
      if (holds(state)) resolve(state)
    }
    const timer = setTimeout(() => {
      const found = JSON.stringify(this.#read())
      reject(simulatorFaults.late(`${this.#name} did not come to that state in time: ${found}`))
    }, timeoutMs)
    this.#watchers.add(look)
    look()
    return promise.finally(() => {
      clearTimeout(timer)
      this.#watchers.delete(look)
    })
  }
}
