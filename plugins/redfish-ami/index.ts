// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'
import { definePlugin } from '../../core/plugin.ts'
import { amiProfile } from './profile.ts'

const NAME = 'redfish-ami'

/** Knows AMI MegaRAC controllers, whoever sells the server. */
export const redfishAmi = definePlugin({
  name: NAME,
  config: v.strictObject({}),
  profiles: [
    { name: 'ami-megarac', covers: 'MegaRAC of any other seller' },
    { name: 'ami-gigabyte', covers: 'Gigabyte (H262, 12.84.13)' },
    { name: 'ami-asrock', covers: 'ASRock Rack' },
    { name: 'ami-lenovo', covers: 'Lenovo SR635, SR655' },
    { name: 'ami-dgx', covers: 'NVIDIA DGX' },
  ],
  setup({ hooks }) {
    hooks.profile.tap(NAME, amiProfile)
  },
})
