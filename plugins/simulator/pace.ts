// SPDX-License-Identifier: AGPL-3.0-or-later
import { sleep } from '../../core/retry.ts'

/** Pauses between repetitions are at least this part of what they are in life. */
const SLOWEST_SPIN = 1 / 40

/** How fast simulated time goes by: 1 as in life, 0 as fast as the computer can. */
export class Pace {
  readonly factor: number

  constructor(factor: number) {
    this.factor = factor
  }

  /** Waits `ms` of the machine's time; rejects with the signal's reason. */
  wait(ms: number, signal?: AbortSignal): Promise<void> {
    return sleep(ms * this.factor, signal)
  }

  /** Waits before a repetition: at any pace a little of our time, so that nothing spins. */
  pause(ms: number, signal: AbortSignal): Promise<void> {
    return sleep(ms * Math.max(this.factor, SLOWEST_SPIN), signal)
  }
}
