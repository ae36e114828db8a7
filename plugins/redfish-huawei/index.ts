// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'
import { definePlugin } from '../../core/plugin.ts'
import { huaweiProfile } from './profile.ts'

const NAME = 'redfish-huawei'

/** Knows Huawei's iBMC; xFusion's, which is of the standard, stands in a file of rules. */
export const redfishHuawei = definePlugin({
  name: NAME,
  config: v.strictObject({}),
  setup({ hooks }) {
    hooks.profile.tap(NAME, huaweiProfile)
  },
})
