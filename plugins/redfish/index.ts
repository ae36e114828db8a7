// SPDX-License-Identifier: AGPL-3.0-or-later
import { join } from 'node:path'
import { definePlugin } from '../../core/plugin.ts'
import { openBmc } from './bmc.ts'
import { optionsOf, RedfishConfig } from './config.ts'
import { createGates } from './gate.ts'
import { createLedger } from './ledger.ts'
import { createProfileFiles } from './profile-files.ts'
import { profilesCommand } from './profiles-command.ts'

export { type Knows, knows, readProfile } from './profile-file.ts'

const NAME = 'redfish'

/** Talks to every controller whose URL is http(s). Knows the standard and no vendor. */
export const redfish = definePlugin({
  name: NAME,
  config: RedfishConfig,
  commands: [profilesCommand],
  setup(host, config) {
    const { machines, now } = host
    const options = optionsOf(config)
    const gateOf = createGates(options, now)
    const ledger = createLedger(join(host.dataDir, 'sessions'), now)
    const files = createProfileFiles(config.profiles)
    host.hooks.start.tapPromise(NAME, () => files.open())
    // This plugin stands before those of the vendors, so files are asked first.
    host.hooks.profile.tap(NAME, files.knows)
    host.hooks.bmc.tapPromise(NAME, async (machine, watch) => {
      if (!/^https?:\/\//i.test(machine.bmc.url)) return undefined
      return openBmc({
        machine,
        credentials: await machines.credentials(machine),
        pin: (fingerprint) => machines.pin(machine, fingerprint),
        watch,
        gate: gateOf(new URL(machine.bmc.url).origin),
        ledger,
        profileOf: host.profileOf,
        options,
        now,
      })
    })
  },
})
