// SPDX-License-Identifier: AGPL-3.0-or-later
import { simulatorFaults } from './faults.ts'

/** What a machine does once it is on: its part of the play, as data. */
export interface MachineScript {
  /** The firmware starts the medium; else it hangs before its first read. */
  readonly boots: boolean
  readonly claims: boolean
  /** After the claim nothing is heard any more. */
  readonly silentAfterClaim: boolean
  /** Unit that fails; undefined when all goes well. */
  readonly failsAt: string | undefined
  /** The operating system dies here, once, while it writes, and starts again from the medium. */
  readonly crashesAt: string | undefined
}

const success: MachineScript = {
  boots: true,
  claims: true,
  silentAfterClaim: false,
  failsAt: undefined,
  crashesAt: undefined,
}

/** Scripts by name; those with `=` take a unit after it. */
const SCRIPTS: Readonly<Record<string, (unit: string) => MachineScript>> = {
  success: () => success,
  'fail-at': (failsAt) => ({ ...success, failsAt }),
  silent: () => ({ ...success, silentAfterClaim: true }),
  'never-claim': () => ({ ...success, claims: false }),
  'not-booting': () => ({ ...success, boots: false }),
  'crash-at': (crashesAt) => ({ ...success, crashesAt }),
}

/** As `--machine` and its help write them. */
export const scriptNames: readonly string[] = Object.keys(SCRIPTS).map((name) =>
  name.endsWith('-at') ? `${name}=UNIT` : name,
)

/** `success`, `fail-at=bootloader-linux.service` … Throws `simulator.unknown-script`. */
export function scriptNamed(text: string): MachineScript {
  const [name = '', unit = ''] = text.split('=')
  const make = Object.hasOwn(SCRIPTS, name) ? SCRIPTS[name] : undefined
  if (!make || name.endsWith('-at') !== unit.endsWith('.service')) {
    const known = scriptNames.join(', ')
    throw simulatorFaults.unknownScript(`there is no machine script ${text}: take one of ${known}`)
  }
  return make(unit)
}

/** A unit of a task target: how long it takes in life, and whether it tells its percent. */
export interface Unit {
  readonly name: string
  readonly ms: number
  readonly reports: number
}

const unit = (name: string, ms: number, reports = 1): Unit => ({ name, ms, reports })

/** Units in their order, by task target: provisioning contract 1.6. */
const UNITS: Readonly<Record<string, readonly Unit[]>> = {
  'install-linux.target': [
    unit('partition.service', 4_000),
    unit('image-linux.service', 60_000, 10),
    unit('bootloader-linux.service', 12_000),
    unit('config-drive.service', 2_000),
  ],
  'inspect.target': [],
  'install-windows.target': [
    unit('partition.service', 4_000),
    unit('image-windows.service', 120_000, 10),
    unit('bootloader-windows.service', 12_000),
  ],
}

/** Undefined when this maintenance OS has no such target. */
export const unitsOf = (taskTarget: string): readonly Unit[] | undefined =>
  Object.hasOwn(UNITS, taskTarget) ? UNITS[taskTarget] : undefined
