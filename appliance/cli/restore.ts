// SPDX-License-Identifier: AGPL-3.0-or-later
import { join } from 'node:path'
import { sentence } from '../../core/faults.ts'
import { facts } from '../../core/table.ts'
import { version } from '../../core/version.ts'
import { dataFolder } from '../data-folder.ts'
import type { CliCommand } from './command.ts'
import { EXIT } from './exit.ts'

export const restoreCommand: CliCommand = {
  words: ['restore'],
  summary: 'make a data folder of a backup, while no appliance runs on it',
  about:
    'The folder must be empty. Everything is checked before anything is put in its place. Stop the\nappliance that the backup was made of first: two of them would fight over the same machines.',
  arguments: [{ name: 'FILE', summary: 'archive that `slipway backup` wrote' }],
  options: {
    key: { value: 'FILE', summary: '`keys/seal.key`, for a backup that was made without keys' },
    'accept-lost-key': {
      summary: 'go on without the key: BMC passwords must be entered again, open jobs end',
    },
  },
  examples: [
    'slipway restore slipway-2026-03-01.tar --data /var/lib/slipway',
    'slipway restore offsite.tar --key seal.key --data /var/lib/slipway',
  ],
  async run({ args: [file = ''], flags, env, out }) {
    const [{ restoreBackup }, { builtInPlugins }] = await Promise.all([
      import('../backup/restore.ts'),
      import('../plugins.ts'),
    ])
    const dataDir = dataFolder(flags.text('data'), env)
    process.umask(0o077)
    const manifest = await restoreBackup({
      ...{ file, dataDir, plugins: builtInPlugins, version: version.version },
      keyFile: flags.text('key'),
      acceptLostKey: flags.on('accept-lost-key'),
    })
    const config = manifest.files.some(({ path }) => path === 'slipway.toml')
      ? join(dataDir, 'slipway.toml')
      : undefined
    const start = `slipway serve --data ${dataDir}${config ? ` --config ${config}` : ''}`
    const lines = [
      ...facts([
        ['data', dataDir],
        ['made', `${manifest.made_at} by slipway ${manifest.version}`],
        ['holds', manifest.files.map(({ path }) => path).join(', ')],
      ]),
      ...(config ? await warnings(config) : []),
      `start it with \`${start}\`, then give it the maintenance ISO again`,
    ]
    out.answer({ ...manifest, data: dataDir }, () => lines)
    return EXIT.ok
  },
}

/** What the restored configuration would surprise with at the start. */
async function warnings(path: string): Promise<readonly string[]> {
  const { builtInPlugins } = await import('../plugins.ts')
  const { loadConfig } = await import('../config.ts')
  try {
    const { core } = await loadConfig({ path, env: {}, flags: [], plugins: builtInPlugins })
    if (!core.store.url) return []
    return [
      'its `store.url` names a database elsewhere: take that line out, or move slipway.db there',
    ]
  } catch (error) {
    return [`its configuration does not fit this version: ${sentence(error)}`]
  }
}
