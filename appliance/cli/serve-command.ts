// SPDX-License-Identifier: AGPL-3.0-or-later

import { version } from '../../core/version.ts'
import { dataFolder } from '../data-folder.ts'
import type { CliCommand } from './command.ts'
import { CONFIG_OPTIONS, loadFor } from './config-source.ts'

export const serveCommand: CliCommand = {
  words: ['serve'],
  summary: 'run the appliance until SIGTERM or Ctrl-C',
  about:
    'Listens and keeps its data as the configuration says (`slipway config print`). The first\nstart makes a CA and an admin token, and says where the token is.',
  options: {
    ...CONFIG_OPTIONS,
    'accept-lost-key': {
      summary: 'the key of the database is lost for good: begin with a new one',
    },
  },
  examples: [
    'slipway serve',
    'slipway serve --data /var/lib/slipway --config /etc/slipway/slipway.toml',
    'slipway serve --set server.local=127.0.0.1:9000 --set log.level=debug',
  ],
  async run({ flags, env }) {
    const config = await loadFor(flags, env)
    const { serve } = await import('../serve.ts')
    const dataDir = dataFolder(flags.text('data'), env)
    return serve({ config, dataDir, version, acceptLostKey: flags.on('accept-lost-key') })
  },
}
