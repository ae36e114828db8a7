// SPDX-License-Identifier: AGPL-3.0-or-later
import { sentence } from '../../core/faults.ts'
import type { ByteSource } from '../iso/index.ts'
import type { Drive } from './drive.ts'
import type { Firmware } from './firmware.ts'

/** A virtual drive as its machine finds it. */
export type HardwareDrive = Pick<Drive, 'uri' | 'id' | 'mediaTypes' | 'image'>

/** One boot, as the controller orders it. */
export interface HardwareBoot {
  /** URIs of the drives that the firmware tries before the disk, best first. */
  readonly first: readonly string[]
  /** The firmware has gone on, from a drive's URI or `disk`: what was ordered once is used up. */
  readonly wentOn: (from: string) => void
}

/** A machine that is not simulated, behind a simulated controller: what a board's wires do to it. */
export interface Hardware extends AsyncDisposable {
  /**
   * Runs from power on until the machine ends by itself, by power off or reset, or until the signal
   * cuts its power. Settles only when nothing of it runs any more; rejects when it could not run.
   */
  run(boot: HardwareBoot, signal: AbortSignal): Promise<'off' | 'reset'>
  /** The power button, short. The operating system may ignore it. */
  pressButton(): void
  /** What is in the drives now; said after every change, and often without one. */
  hold(drives: readonly HardwareDrive[]): void
}

/** What hardware is told of itself, and how it reads what is in its drives. */
export interface HardwareParts {
  readonly serial: string
  readonly uuid: string
  /** Opens an image over HTTP in the controller's manner; reads until the signal. */
  readonly open: (image: string, signal: AbortSignal) => Promise<ByteSource>
  readonly tell: (what: string, detail: string) => void
}

/** What its life is between power on and power off. */
export interface HardwareLifeParts {
  readonly hardware: Hardware
  readonly firmware: Firmware
  readonly powerDown: () => void
  readonly restart: () => void
  readonly tell: (what: string, detail: string) => void
}

/** Runs the hardware once, and does to its power what it did itself; never rejects. */
export async function runHardware(parts: HardwareLifeParts, signal: AbortSignal): Promise<void> {
  const { hardware, firmware, powerDown, restart, tell } = parts
  const first = firmware.begin(signal).map(({ uri }) => uri)
  let gone = false
  const wentOn = (from: string) => {
    if (gone || signal.aborted) return
    gone = true
    firmware.wentOn(from)
  }
  const ending = await hardware.run({ first, wentOn }, signal).catch((error: unknown) => {
    if (!signal.aborted) tell('stopped', sentence(error))
    return 'off' as const
  })
  if (signal.aborted) return
  // A machine that never came so far has had its one boot all the same.
  wentOn('nothing')
  if (ending === 'off') powerDown()
  else restart()
}
