// SPDX-License-Identifier: AGPL-3.0-or-later
import { join } from 'node:path'
import type { Flags } from '../../core/command.ts'
import { version } from '../../core/version.ts'
import type { InstallPlan, PlannedFile } from '../service/plan.ts'
import type { CliCommand } from './command.ts'
import { EXIT } from './exit.ts'
import { failure } from './problem.ts'

const START =
  'start it: systemctl enable --now slipway (after an upgrade: systemctl restart slipway)'

const OUTCOMES = {
  written: 'write',
  kept: 'keep, it was changed',
  unchanged: 'keep, it is the same',
}

/** What would be done, by the options of the command line. */
async function planned(flags: Flags): Promise<InstallPlan> {
  const [{ loadConfig }, { printDefaults }, { builtInPlugins }, { needsLowPort, planInstall }] =
    await Promise.all([
      import('../config.ts'),
      import('../config/print.ts'),
      import('../plugins.ts'),
      import('../service/plan.ts'),
    ])
  const root = flags.text('root') ?? '/'
  const configFile = join(root, '/etc/slipway/slipway.toml')
  // The ports of the configuration that will be served, not those of whoever installs.
  const path = (await Bun.file(configFile).exists()) ? configFile : '/dev/null'
  const { core } = await loadConfig({ env: {}, flags: [], plugins: builtInPlugins, path })
  const options = {
    ...{
      root,
      prefix: flags.text('prefix') ?? '/usr/local',
      user: flags.text('service-user') ?? 'slipway',
    },
    executable: process.execPath,
    defaultConfig: `${printDefaults(builtInPlugins).join('\n')}\n`,
  }
  return planInstall(options, needsLowPort(core))
}

const modeOf = ({ mode }: PlannedFile) => mode.toString(8).padStart(4, '0')

export const installCommand: CliCommand = {
  words: ['install'],
  summary: 'set this executable up as a systemd service',
  about:
    'Copies the executable, writes the unit, a configuration of defaults and the service’s user. What\nis there already as it should be stays; a configuration that is there is never touched.',
  options: {
    root: { value: 'DIR', summary: 'install into an image that is mounted there (default: /)' },
    prefix: { value: 'DIR', summary: 'the executable goes to DIR/bin (default: /usr/local)' },
    'service-user': { value: 'NAME', summary: 'system user of the service (default: slipway)' },
    'dry-run': { summary: 'say what would be done, and show the unit' },
  },
  examples: ['slipway install --dry-run', 'slipway install', 'slipway install --root /mnt/image'],
  async run({ flags, out }) {
    const { foresee, install } = await import('../service/install.ts')
    const plan = await planned(flags)
    const dry = flags.on('dry-run')
    if (!dry && version.commit === 'source') {
      throw failure(
        'source',
        'this runs from source: build the executable, and let it install itself',
      )
    }
    const outcomes = dry
      ? new Map(
          await Promise.all(
            plan.files.map(async (file) => [file.path, await foresee(file)] as const),
          ),
        )
      : await install(plan)
    const files = plan.files.map((file) => ({
      ...{ path: file.path, mode: modeOf(file), outcome: outcomes.get(file.path) ?? 'kept' },
      ...('text' in file.content && file.path.endsWith('.service')
        ? { text: file.content.text }
        : {}),
    }))
    out.answer({ dry_run: dry, files, commands: plan.commands }, () => [
      ...files.map(({ path, mode, outcome }) => `${mode} ${path}  ${OUTCOMES[outcome]}`),
      ...plan.commands.map((command) => `run  ${command.join(' ')}`),
      ...(dry ? ['', ...files.flatMap(({ text }) => text?.split('\n') ?? [])] : []),
      ...(dry || plan.commands.length === 0 ? [] : [START]),
    ])
    return EXIT.ok
  },
}
