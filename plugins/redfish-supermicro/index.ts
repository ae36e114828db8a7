// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'
import { definePlugin } from '../../core/plugin.ts'
import { supermicroProfile } from './profile.ts'

const NAME = 'redfish-supermicro'

/** Knows Supermicro controllers. */
export const redfishSupermicro = definePlugin({
  name: NAME,
  config: v.strictObject({}),
  setup({ hooks }) {
    hooks.profile.tap(NAME, supermicroProfile)
  },
})
