// SPDX-License-Identifier: AGPL-3.0-or-later
import { redfishFaults } from './faults.ts'

/**
 * The door to one BMC, shared by everything that talks to it: lets few requests through at a time,
 * and none for a while after too many connections failed in a row.
 */
export interface Gate {
  /** Runs `work` when its turn comes. Throws `redfish.cooling-down` while the door is shut. */
  pass<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T>
  /** A connection failed, and why. */
  failed(because: Error): void
  /** The BMC answered, whatever it said. */
  answered(): void
}

export interface GateOptions {
  readonly concurrencyPerBmc: number
  readonly breakerFailures: number
  readonly breakerPauseMs: number
}

export function createGate(bmc: string, options: GateOptions, now: () => number): Gate {
  let busy = 0
  let failures = 0
  let shutUntil = 0
  let cause: Error | undefined
  const waiting: Array<() => void> = []

  const refuseWhileShut = () => {
    const leftMs = shutUntil - now()
    if (leftMs <= 0) return
    const leftSeconds = Math.ceil(leftMs / 1_000)
    throw redfishFaults.coolingDown(
      `The last ${failures} connections to the BMC ${bmc} failed: it is left alone for another ${leftSeconds} s. ${cause?.message ?? ''}`.trim(),
      { retryAfterSeconds: leftSeconds, cause },
    )
  }

  const turn = (signal: AbortSignal) =>
    new Promise<void>((resolve, reject) => {
      const onAbort = () => {
        waiting.splice(waiting.indexOf(go), 1)
        reject(signal.reason)
      }
      const go = () => {
        signal.removeEventListener('abort', onAbort)
        busy++
        resolve()
      }
      if (busy < options.concurrencyPerBmc) return go()
      waiting.push(go)
      signal.addEventListener('abort', onAbort, { once: true })
    })

  return {
    async pass(signal, work) {
      signal.throwIfAborted()
      await turn(signal)
      try {
        refuseWhileShut()
        return await work()
      } finally {
        busy--
        waiting.shift()?.()
      }
    },
    failed(because) {
      failures++
      cause = because
      // After the pause one failure is enough to shut it again.
      if (failures >= options.breakerFailures) shutUntil = now() + options.breakerPauseMs
    },
    answered() {
      failures = 0
      shutUntil = 0
    },
  }
}

/** One gate per origin, for the life of the plugin. */
export function createGates(options: GateOptions, now: () => number) {
  const byOrigin = new Map<string, Gate>()
  return (origin: string): Gate => {
    const known = byOrigin.get(origin) ?? createGate(new URL(origin).host, options, now)
    byOrigin.set(origin, known)
    return known
  }
}
