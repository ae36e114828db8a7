// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'
import { definePlugin } from '../../core/plugin.ts'
import { dellProfile } from './profile.ts'

const NAME = 'redfish-dell'

/** Knows iDRAC controllers. */
export const redfishDell = definePlugin({
  name: NAME,
  config: v.strictObject({}),
  profiles: [
    { name: 'dell-idrac10', covers: 'iDRAC 10 (17G)' },
    { name: 'dell-idrac9', covers: 'iDRAC 9 from 6.00.02' },
    { name: 'dell-idrac-one-image', covers: 'iDRAC 9 from 4.40.10: one image' },
    {
      name: 'dell-idrac-boot-by-configuration',
      covers:
        'iDRAC 7, 8, and 9 before 4.40.10 (AMD: 6.00.02): one image, boot by configuration profile',
    },
  ],
  setup({ hooks }) {
    hooks.profile.tap(NAME, dellProfile)
  },
})
