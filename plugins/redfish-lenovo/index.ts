// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'
import { definePlugin } from '../../core/plugin.ts'
import { lenovoProfile } from './profile.ts'

const NAME = 'redfish-lenovo'

/** Knows XClarity controllers of Lenovo. */
export const redfishLenovo = definePlugin({
  name: NAME,
  config: v.strictObject({}),
  profiles: [{ name: 'lenovo-xcc', covers: 'XCC and XCC2: PATCH, EXT1 to EXT4' }],
  setup({ hooks }) {
    hooks.profile.tap(NAME, lenovoProfile)
  },
})
