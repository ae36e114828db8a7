// SPDX-License-Identifier: AGPL-3.0-or-later

import type { Flags, OptionSpecs } from '../../core/command.ts'
import type { LoadedConfig } from '../config.ts'

/** Where the appliance's configuration comes from; `serve` and `config` read the same. */
export const CONFIG_OPTIONS = {
  config: {
    short: 'c',
    value: 'FILE',
    summary: 'default: $SLIPWAY_CONFIG, ./slipway.toml, /etc/slipway/slipway.toml',
  },
  set: { value: 'TABLE.KEY=VALUE', repeat: true, summary: 'override one key' },
} as const satisfies OptionSpecs

/** The effective configuration of the built-in plugins. Throws `config.invalid` with all problems. */
export async function loadFor(
  flags: Flags,
  env: Readonly<Record<string, string | undefined>>,
): Promise<LoadedConfig> {
  const [{ loadConfig }, { builtInPlugins }] = await Promise.all([
    import('../config.ts'),
    import('../plugins.ts'),
  ])
  return loadConfig({
    path: flags.text('config'),
    env,
    flags: flags.list('set'),
    plugins: builtInPlugins,
  })
}
