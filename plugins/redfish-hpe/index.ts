// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'
import { definePlugin } from '../../core/plugin.ts'
import { hpeProfile } from './profile.ts'

const NAME = 'redfish-hpe'

/** Knows iLO 4 to 7, and Cray's node controllers, which have no media. */
export const redfishHpe = definePlugin({
  name: NAME,
  config: v.strictObject({}),
  profiles: [
    { name: 'hpe-ilo4', covers: 'iLO 4 (Gen8, Gen9): OEM insert, Image only' },
    { name: 'hpe-ilo5', covers: 'iLO 5 (Gen10)' },
    { name: 'hpe-ilo6', covers: 'iLO 6 (Gen11), from 1.57' },
    { name: 'hpe-ilo7', covers: 'iLO 7 (Gen12)' },
    { name: 'hpe-cray', covers: 'Cray EX node controllers: no virtual media' },
  ],
  setup({ hooks }) {
    hooks.profile.tap(NAME, hpeProfile)
  },
})
