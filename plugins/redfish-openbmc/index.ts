// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'
import { definePlugin } from '../../core/plugin.ts'
import { openbmcProfile } from './profile.ts'

const NAME = 'redfish-openbmc'

/** Knows OpenBMC controllers, NVIDIA's and Intel's among them. */
export const redfishOpenbmc = definePlugin({
  name: NAME,
  config: v.strictObject({}),
  setup({ hooks }) {
    hooks.profile.tap(NAME, openbmcProfile)
  },
})
