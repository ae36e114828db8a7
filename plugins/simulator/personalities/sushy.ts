// SPDX-License-Identifier: AGPL-3.0-or-later
import { standard } from '../manners.ts'
import type { Personality } from '../personality.ts'
import sushyTwoCd from './sushy-two-cd.json'

const DRIVES = /\/VirtualMedia\/Cd2?$/

/**
 * OpenStack's emulator with a second CD device, as it answered on loopback; no hardware. It has no
 * session service, so that every request logs in by itself.
 */
export const sushyTwoCdDevices: Personality = {
  manners: {
    ...standard,
    title: 'sushy-tools',
    serialAt: 'UUID',
    // "BootSourceOverrideEnabled is always Continuous": redfish.md 1.6 (sushy-tools source).
    overrideStays: 'Continuous',
    // It knows no None, and wants a target with every change.
    refusesTargetNone: true,
    // "downloads the whole image before insert": redfish.md 1.6.
    fetchesWhole: true,
    boots: { Cd: [DRIVES] },
  },
  resources: sushyTwoCd,
}
