// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Plugin } from '../core/plugin.ts'
import { inspect } from '../plugins/inspect/index.ts'
import { iso } from '../plugins/iso/index.ts'
import { media } from '../plugins/media/index.ts'
import { metrics } from '../plugins/metrics/index.ts'
import { oci } from '../plugins/oci/index.ts'
import { osLinux } from '../plugins/os-linux/index.ts'
import { payloads } from '../plugins/payloads/index.ts'
import { redfish } from '../plugins/redfish/index.ts'
import { redfishAmi } from '../plugins/redfish-ami/index.ts'
import { redfishCisco } from '../plugins/redfish-cisco/index.ts'
import { redfishDell } from '../plugins/redfish-dell/index.ts'
import { redfishFujitsu } from '../plugins/redfish-fujitsu/index.ts'
import { redfishHpe } from '../plugins/redfish-hpe/index.ts'
import { redfishHuawei } from '../plugins/redfish-huawei/index.ts'
import { redfishLenovo } from '../plugins/redfish-lenovo/index.ts'
import { redfishOpenbmc } from '../plugins/redfish-openbmc/index.ts'
import { redfishSupermicro } from '../plugins/redfish-supermicro/index.ts'
import { simulator } from '../plugins/simulator/index.ts'

/** The executable is this list. Its order is the order in which hooks are asked. */
export const builtInPlugins: readonly Plugin[] = [
  payloads,
  osLinux,
  inspect,
  // Before iso: what a machine needs to pull its image goes on the task ISO.
  oci,
  iso,
  media,
  redfish,
  redfishDell,
  redfishSupermicro,
  redfishHpe,
  redfishFujitsu,
  redfishHuawei,
  redfishAmi,
  redfishLenovo,
  redfishCisco,
  redfishOpenbmc,
  metrics,
  simulator,
]
