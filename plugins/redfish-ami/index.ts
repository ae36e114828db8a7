// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'
import { definePlugin } from '../../core/plugin.ts'
import { amiProfile } from './profile.ts'

const NAME = 'redfish-ami'

/** Knows AMI MegaRAC controllers, whoever sells the server. */
export const redfishAmi = definePlugin({
  name: NAME,
  config: v.strictObject({}),
  setup({ hooks }) {
    hooks.profile.tap(NAME, amiProfile)
  },
})
