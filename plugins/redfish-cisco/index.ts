// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'
import { definePlugin } from '../../core/plugin.ts'
import { ciscoProfile } from './profile.ts'

const NAME = 'redfish-cisco'

/** Knows Cisco controllers. */
export const redfishCisco = definePlugin({
  name: NAME,
  config: v.strictObject({}),
  profiles: [
    { name: 'cisco-ucs', covers: 'UCS B, C and X' },
    { name: 'cisco-c845a', covers: 'UCS C845A M8 (OpenBMC)' },
  ],
  setup({ hooks }) {
    hooks.profile.tap(NAME, ciscoProfile)
  },
})
