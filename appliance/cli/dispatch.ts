// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Flags, OptionSpecs } from '../../core/command.ts'
import { SECOND } from '../../core/units.ts'
import { version } from '../../core/version.ts'
import type { CliCommand } from './command.ts'
import { EXIT } from './exit.ts'
import { usageProblem } from './problem.ts'

// Names and defaults: provisioning contract 1.5.
const OPTIONS: OptionSpecs = {
  'task-iso-device': {
    value: 'DEVICES',
    summary: 'looked at whatever their label is, beside all others (/dev/sr1; a list with commas)',
  },
  'task-mount-point': {
    value: 'FOLDER',
    summary: 'the medium, when something mounted it already (/mnt/task)',
  },
  'env-dir': { value: 'FOLDER', summary: 'what the tools of the target read (/run/provision)' },
  'recipe-path': { value: 'FILE', summary: 'this recipe instead of that of the medium' },
  'schema-path': { value: 'FILE', summary: 'this schema instead of that of the medium' },
  'no-start': { summary: 'write the env-dir and end: no claim, no target, no report' },
  'target-override': { value: 'TARGET', summary: 'start this target instead of the recipe’s' },
  'serial-source': {
    value: 'SOURCE',
    choices: ['auto', 'env', 'dmi'],
    summary: 'where the serial comes from: environment then DMI (auto), or one of them',
  },
  'serial-env-key': { value: 'NAME', summary: 'variable with the serial (PROVISIONER_SERIAL)' },
  'udev-wait-seconds': { value: 'SECONDS', summary: 'wait so long for the medium (120)' },
  'poll-interval': { value: 'DURATION', summary: 'between two looks for it (1s)' },
  'log-level': {
    value: 'LEVEL',
    choices: ['debug', 'info', 'warn', 'error'],
    summary: 'what is written; warn and error: nothing but why it ended',
  },
  version: { summary: 'print the version and end' },
}

/** `500ms`, `1s`, `2m`, or seconds. */
function durationMs(text: string): number {
  const [, number = '', unit = 's'] = /^(\d+(?:\.\d+)?)(ms|s|m)?$/.exec(text) ?? []
  const ms = Number(number) * ({ ms: 1, s: SECOND, m: 60 * SECOND }[unit] ?? SECOND)
  if (number !== '' && ms >= 1) return ms
  throw usageProblem(`--poll-interval ${text} is no duration such as 1s or 500ms`, LINE)
}

function seconds(text: string): number {
  const value = Number(text)
  if (/^\d+$/.test(text) && value <= 86_400) return value * SECOND
  throw usageProblem(`--udev-wait-seconds ${text} is no number of seconds`, LINE)
}

const LINE = 'slipway dispatch'

function optionsOf(flags: Flags) {
  return {
    devices: (flags.text('task-iso-device') ?? '/dev/sr1').split(',').filter(Boolean),
    mountPoint: flags.text('task-mount-point') ?? '/mnt/task',
    folder: flags.text('env-dir') ?? '/run/provision',
    recipePath: flags.text('recipe-path'),
    schemaPath: flags.text('schema-path'),
    noStart: flags.on('no-start'),
    target: flags.text('target-override'),
    serial: {
      source: (flags.text('serial-source') ?? 'auto') as 'auto' | 'env' | 'dmi',
      envKey: flags.text('serial-env-key') ?? 'PROVISIONER_SERIAL',
    },
    waitMs: seconds(flags.text('udev-wait-seconds') ?? '120'),
    pollMs: durationMs(flags.text('poll-interval') ?? '1s'),
  }
}

export const dispatchCommand: CliCommand = {
  words: ['dispatch'],
  summary: 'on a machine: find its job, claim it, run its target, report, power off',
  about:
    'For the maintenance OS, as root. It powers the machine off at its end.\nExit codes: 10 no medium, 11 medium unreadable, 12 schema, 13 recipe unreadable, 14 recipe invalid,\n15 env-dir, 16 systemctl, 17 not root, 18 no serial, 20 anything unforeseen.',
  options: OPTIONS,
  examples: ['slipway dispatch', 'slipway dispatch --no-start --env-dir /tmp/provision'],
  async run({ flags, out }) {
    if (flags.on('version')) {
      out.print(version.version)
      return EXIT.ok
    }
    const options = optionsOf(flags)
    const quiet = ['warn', 'error'].includes(flags.text('log-level') ?? 'info')
    const { dispatch } = await import('../dispatcher/dispatch.ts')
    const { thisMachine } = await import('../dispatcher/machine-os.ts')
    let last = ''
    const code = await dispatch({
      os: thisMachine(),
      options,
      signal: new AbortController().signal,
      tell: (message) => {
        last = message
        if (!quiet) out.note(`dispatch: ${message}`)
      },
    })
    if (quiet && code !== EXIT.ok) out.note(`dispatch: ${last}`)
    return code
  },
}
