// SPDX-License-Identifier: AGPL-3.0-or-later
import { configDocument, printConfig, printDefaults } from '../config/print.ts'
import type { CliCommand } from './command.ts'
import { CONFIG_OPTIONS, loadFor } from './config-source.ts'
import { EXIT } from './exit.ts'

export const configCheck: CliCommand = {
  words: ['config', 'check'],
  summary: 'read the configuration as `serve` would, and say all that is wrong',
  options: CONFIG_OPTIONS,
  examples: [
    'slipway config check',
    'slipway config check --config new.toml && systemctl restart slipway',
  ],
  async run({ flags, env, out }) {
    const config = await loadFor(flags, env)
    const set = Object.values(config.origins).filter((origin) => origin !== 'default').length
    out.answer({ ok: true, source: config.source ?? null, set }, () => [
      `${config.source ?? 'no configuration file: defaults'}: no problems, ${set} keys set`,
    ])
    return EXIT.ok
  },
}

export const configPrint: CliCommand = {
  words: ['config', 'print'],
  summary: 'the effective configuration, with the meaning and origin of each key',
  about: 'Secrets are shown as "[set]". With --defaults a full file of defaults to start from.',
  options: {
    ...CONFIG_OPTIONS,
    defaults: { summary: 'every key with its default, commented out' },
  },
  examples: ['slipway config print', 'slipway config print --defaults > slipway.toml'],
  async run({ flags, env, out }) {
    const { builtInPlugins } = await import('../plugins.ts')
    if (flags.on('defaults')) {
      const lines = printDefaults(builtInPlugins)
      out.answer({ toml: lines.join('\n') }, () => lines)
      return EXIT.ok
    }
    const config = await loadFor(flags, env)
    out.answer(configDocument(config, builtInPlugins), () => [
      ...(config.source ? [`# ${config.source}`, ''] : ['# no configuration file: defaults', '']),
      ...printConfig(config, builtInPlugins),
    ])
    return EXIT.ok
  },
}
