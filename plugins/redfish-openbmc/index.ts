// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'
import { definePlugin } from '../../core/plugin.ts'
import { openbmcProfile } from './profile.ts'

const NAME = 'redfish-openbmc'

/** Knows OpenBMC controllers, NVIDIA's and Intel's among them. */
export const redfishOpenbmc = definePlugin({
  name: NAME,
  config: v.strictObject({}),
  profiles: [
    { name: 'openbmc', covers: 'bmcweb upstream: https only' },
    { name: 'openbmc-nvidia', covers: 'NVIDIA GB200 and BlueField' },
    { name: 'openbmc-intel', covers: 'Intel server boards: no virtual media' },
  ],
  setup({ hooks }) {
    hooks.profile.tap(NAME, openbmcProfile)
  },
})
