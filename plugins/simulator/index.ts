// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'
import { definePlugin } from '../../core/plugin.ts'
import { simulatorCommand } from './command.ts'

export { personalityNames, usualNames } from './embody.ts'
export { DROPPED, type Interception, type Outcome, type RequestRecord } from './exchanges.ts'
export type { Boot } from './firmware.ts'
export type { Hardware, HardwareBoot, HardwareDrive, HardwareParts } from './hardware.ts'
export type { ImageRead } from './image-reader.ts'
export type { MachineState } from './machine.ts'
export type { Manners } from './manners.ts'
export {
  type MachineSpec,
  type RunningMachine,
  type Simulator,
  type SimulatorEvent,
  type SimulatorOptions,
  startSimulator,
} from './simulator.ts'
export type { Answer, Asked } from './wire.ts'

/** Taps nothing: it is here for its command, and for tests that import `startSimulator`. */
export const simulator = definePlugin({
  name: 'simulator',
  after: ['iso'],
  config: v.strictObject({}),
  commands: [simulatorCommand],
  setup() {},
})
