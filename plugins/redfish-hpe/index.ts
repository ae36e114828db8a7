// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'
import { definePlugin } from '../../core/plugin.ts'
import { hpeProfile } from './profile.ts'

const NAME = 'redfish-hpe'

/** Knows iLO 4 to 7, and Cray's node controllers, which have no media. */
export const redfishHpe = definePlugin({
  name: NAME,
  config: v.strictObject({}),
  setup({ hooks }) {
    hooks.profile.tap(NAME, hpeProfile)
  },
})
