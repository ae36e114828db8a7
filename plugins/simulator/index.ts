// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'
import { definePlugin } from '../../core/plugin.ts'

export type { Boot, Interception, MachineState, RequestRecord } from './machine.ts'
export type { Manners } from './manners.ts'
export { personalityNames } from './personality.ts'
export { DROPPED } from './server.ts'
export {
  type MachineSpec,
  type RunningMachine,
  type Simulator,
  type SimulatorOptions,
  startSimulator,
} from './simulator.ts'
export type { Answer, Asked } from './wire.ts'

/** Taps nothing: it is here for its command, and for tests that import `startSimulator`. */
export const simulator = definePlugin({
  name: 'simulator',
  config: v.strictObject({}),
  setup() {},
})
