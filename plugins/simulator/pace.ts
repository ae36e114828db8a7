// SPDX-License-Identifier: AGPL-3.0-or-later
import { sleep } from '../../core/retry.ts'

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

  /** Waits before a repetition: at least `floorMs` of our time, so that pace 0 does not spin. */
  pause(ms: number, signal: AbortSignal, floorMs = 25): Promise<void> {
    return sleep(Math.max(ms * this.factor, floorMs), signal)
  }
}
