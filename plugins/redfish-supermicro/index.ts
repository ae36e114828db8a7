// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'
import { definePlugin } from '../../core/plugin.ts'
import { supermicroProfile } from './profile.ts'

const NAME = 'redfish-supermicro'

/** Knows Supermicro controllers. */
export const redfishSupermicro = definePlugin({
  name: NAME,
  config: v.strictObject({}),
  profiles: [
    { name: 'supermicro', covers: 'X13, H13 and newer' },
    { name: 'supermicro-x10', covers: 'X10 boards: IsoConfig, one image' },
    { name: 'supermicro-x11', covers: 'X11 boards: IsoConfig or Image only, one image' },
    { name: 'supermicro-x12', covers: 'X12 boards: Image only, one image' },
    { name: 'supermicro-arm', covers: 'ARS-111GL-NHR' },
    { name: 'supermicro-openbmc', covers: 'OpenBMC-based boards: USB1, USB2' },
  ],
  setup({ hooks }) {
    hooks.profile.tap(NAME, supermicroProfile)
  },
})
