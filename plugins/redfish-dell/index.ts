// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'
import { definePlugin } from '../../core/plugin.ts'
import { dellProfile } from './profile.ts'

const NAME = 'redfish-dell'

/** Knows iDRAC controllers. */
export const redfishDell = definePlugin({
  name: NAME,
  config: v.strictObject({}),
  setup({ hooks }) {
    hooks.profile.tap(NAME, dellProfile)
  },
})
