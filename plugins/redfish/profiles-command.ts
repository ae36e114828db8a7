// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Command, KnownProfile, Plugin } from '../../core/plugin.ts'

const WRONG_USAGE = 2

const USAGE = `slipway redfish profiles [--json] [NAME]

Lists the controllers that this executable knows. With NAME the profile itself, where it is
data alone: save it, change it, and name the file in the configuration:

  [redfish]
  profiles = ["./my.json"]
`

const profilesOf = (installed: readonly Plugin[]) =>
  installed.flatMap(({ name: plugin, profiles = [] }) =>
    profiles.map((profile) => ({ ...profile, plugin })),
  )

const line = ({ name, covers, data, plugin }: KnownProfile & { readonly plugin: string }) =>
  `${name.padEnd(34)}${plugin.padEnd(20)}${covers}${data === undefined ? '' : ' (data)'}\n`

const print = (text: string) => void process.stdout.write(text)

function show(name: string, installed: readonly Plugin[]): number {
  const found = profilesOf(installed).find((profile) => profile.name === name)
  if (found?.data !== undefined) {
    print(`${JSON.stringify(found.data, null, 2)}\n`)
    return 0
  }
  const why = found ? 'stands in code, not in a file of rules' : 'is not known'
  process.stderr.write(`the profile ${name} ${why}: see slipway redfish profiles\n`)
  return WRONG_USAGE
}

/** `slipway redfish profiles`: what is known, without an appliance. */
export const profilesCommand: Command = {
  name: 'profiles',
  summary: 'list the controllers that are known; print a profile that is data alone',
  async run(args, installed) {
    const names = args.filter((arg) => !arg.startsWith('-'))
    const flags = args.filter((arg) => arg.startsWith('-'))
    const [name, ...others] = names
    const unknown = flags.find((flag) => !['--json', '--help', '-h'].includes(flag))
    if (flags.includes('--help') || flags.includes('-h')) {
      print(USAGE)
      return 0
    }
    if (unknown !== undefined || others.length > 0) {
      process.stderr.write(
        `${unknown ?? others[0]} is one too many: see slipway redfish profiles --help\n`,
      )
      return WRONG_USAGE
    }
    if (name !== undefined) return show(name, installed)
    const known = profilesOf(installed)
    if (flags.includes('--json')) print(`${JSON.stringify({ profiles: known }, null, 2)}\n`)
    else print(known.map(line).join(''))
    return 0
  },
}
