// SPDX-License-Identifier: AGPL-3.0-or-later
import type { SerialOptions } from './identity.ts'
import type { MachineOs } from './machine-os.ts'

export interface DispatchOptions {
  /** Looked at beside all others, whatever their label is. */
  readonly devices: readonly string[]
  readonly mountPoint: string
  /** `/run/provision`. */
  readonly folder: string
  /** Files instead of those of the medium. */
  readonly recipePath: string | undefined
  readonly schemaPath: string | undefined
  /** Write the folder and end: no claim, no target, no report. */
  readonly noStart: boolean
  /** Started instead of the recipe's. */
  readonly target: string | undefined
  readonly serial: SerialOptions
  readonly waitMs: number
  readonly pollMs: number
}

export interface DispatchParts {
  readonly os: MachineOs
  readonly options: DispatchOptions
  readonly signal: AbortSignal
  readonly tell: (message: string) => void
}

/** Queues the end of this boot; returns at once. */
export async function powerOff({ os, tell }: DispatchParts): Promise<void> {
  const { code, stderr } = await os.run(['systemctl', '--no-block', 'poweroff'])
  if (code !== 0) tell(`power off: systemctl ended with ${code} ${stderr.trim()}`)
}
