// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'
import { definePlugin } from '../../core/plugin.ts'
import { knows, readProfile } from '../redfish/index.ts'
import { huaweiProfile } from './profile.ts'
import xfusion from './xfusion.json'

const NAME = 'redfish-huawei'
const xfusionFile = readProfile(xfusion, 'xfusion.json')

/** Knows Huawei's iBMC; xFusion's, which is of the standard, stands in a file of rules. */
export const redfishHuawei = definePlugin({
  name: NAME,
  after: ['redfish'],
  config: v.strictObject({}),
  profiles: [
    { name: 'huawei-ibmc', covers: 'iBMC (2288H V5, 6.41): VmmControl, https only, one image' },
    { name: xfusionFile.name, covers: xfusionFile.covers, data: xfusion },
  ],
  setup({ hooks }) {
    hooks.profile.tap(NAME, huaweiProfile)
    hooks.profile.tap(NAME, knows(xfusionFile, 'built-in file'))
  },
})
