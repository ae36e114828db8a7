// SPDX-License-Identifier: AGPL-3.0-or-later
import { isIP } from 'node:net'
import { parseArgs } from 'node:util'
import { sentence } from '../../core/faults.ts'
import { isCaptureFile } from './capture-file.ts'
import { personalityNames, usualNames } from './embody.ts'
import { simulatorFaults } from './faults.ts'
import { scriptNamed, scriptNames } from './scripts.ts'
import type { MachineSpec } from './simulator.ts'

/** Ten times as fast as life: an installation takes seconds, and can still be watched. */
const DEFAULT_PACE = 0.1

/** Printed by --help. */
export const USAGE = `usage: slipway simulator [options]
Runs simulated controllers, each with a machine that boots, claims its job and reports.

  --machine WHAT     personality, then serial and script, all but the first optional:
                     dell-r750,serial=S1,script=fail-at=bootloader-linux.service
                     or dell-r750:S1:success, or ./capture.json,serial=S1 with the file of
                     slipway machine capture; may be given again; default one of each
  --listen ADDRESS   address to listen on, default 127.0.0.1
  --base-port PORT   port of the first controller, the next ones count up; default free ports
  --pace FACTOR      1 as in life, 0 as fast as possible; default ${DEFAULT_PACE}
  --https            speak HTTPS with a certificate made for this run
  --username NAME    account of all controllers, default admin
  --password WORD    its password, default a random one for each controller
  --json             print what \`slipway machine import\` takes, and nothing else, on stdout
  --quiet            say nothing of what happens

personalities: ${personalityNames.join(', ')}
scripts: ${scriptNames.join(', ')}
`

/** The command line, checked. */
export interface CommandOptions {
  readonly machines: readonly MachineSpec[]
  readonly host: string
  readonly port: number
  readonly pace: number
  readonly https: boolean
  readonly json: boolean
  readonly quiet: boolean
  readonly help: boolean
}

/** Reads the command line. Throws `simulator.arguments` and what else is wrong with a machine. */
export function readArguments(args: readonly string[]): CommandOptions {
  const { machine, listen, pace, username, password, ...values } = parse(args)
  const account = {
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
  }
  return {
    machines: (machine ?? usualNames).map((text) => ({ ...readMachine(text), ...account })),
    host: readHost(listen),
    port: readNumber('--base-port', values['base-port'], 0, 65_535),
    pace: readNumber('--pace', pace, DEFAULT_PACE, 1_000),
    https: values.https ?? false,
    json: values.json ?? false,
    quiet: values.quiet ?? false,
    help: values.help ?? false,
  }
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      strict: true,
      options: {
        machine: { type: 'string', multiple: true },
        listen: { type: 'string' },
        'base-port': { type: 'string' },
        pace: { type: 'string' },
        https: { type: 'boolean' },
        username: { type: 'string' },
        password: { type: 'string' },
        json: { type: 'boolean' },
        quiet: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values
  } catch (cause) {
    throw simulatorFaults.arguments(sentence(cause), { cause })
  }
}

/** `personality,serial=S,script=X`, or the three by their places; `:` does as well as `,`. */
export function readMachine(text: string): MachineSpec {
  const [personality = '', ...rest] = text.split(/[:,]/)
  if (!isCaptureFile(personality) && !personalityNames.includes(personality)) {
    const known = personalityNames.join(', ')
    throw simulatorFaults.unknownPersonality(
      `--machine ${text}: there is no personality ${personality}; take ${known}`,
    )
  }
  const named = new Map<string, string>()
  for (const [place, each] of rest.entries()) {
    const [, key = place === 0 ? 'serial' : 'script', value = each] =
      /^(serial|script)=(.*)$/.exec(each) ?? []
    if (place > 1 || named.has(key)) {
      throw simulatorFaults.arguments(`--machine ${text}: one serial and one script at most`)
    }
    if (value !== '') named.set(key, value)
  }
  const [serial, script] = [named.get('serial'), named.get('script')]
  if (script !== undefined) scriptNamed(script)
  return {
    personality,
    ...(serial !== undefined && { serial }),
    ...(script !== undefined && { script }),
  }
}

/** An address, because it stands in the URLs under which the appliance calls. */
function readHost(text = '127.0.0.1'): string {
  if (isIP(text) !== 0 && text !== '0.0.0.0' && text !== '::') return text
  throw simulatorFaults.arguments(
    `--listen ${text}: give one address of this host, which the appliance can reach`,
  )
}

function readNumber(name: string, text: string | undefined, none: number, most: number): number {
  if (text === undefined) return none
  const value = Number(text)
  if (text.trim() !== '' && value >= 0 && value <= most) return value
  throw simulatorFaults.arguments(`${name} ${text}: give a number from 0 to ${most}`)
}
