// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'
import { definePlugin } from '../../core/plugin.ts'
import { fujitsuProfile } from './profile.ts'

const NAME = 'redfish-fujitsu'

/** Knows iRMC S4 to S6. */
export const redfishFujitsu = definePlugin({
  name: NAME,
  config: v.strictObject({}),
  profiles: [
    { name: 'fujitsu-irmc', covers: 'iRMC S4 to S6: media at the OEM path of the system' },
  ],
  setup({ hooks }) {
    hooks.profile.tap(NAME, fujitsuProfile)
  },
})
