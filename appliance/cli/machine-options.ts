// SPDX-License-Identifier: AGPL-3.0-or-later

import type { Flags, OptionSpecs } from '../../core/command.ts'
import { pairs, readInput } from './input.ts'
import { usageProblem } from './problem.ts'
import { newSecret } from './prompt.ts'
import { readCa } from './trust.ts'

/** What `machine add` and `machine set` have in common. */
export const MACHINE_OPTIONS = {
  bmc: { value: 'URL', summary: 'its BMC, e.g. https://10.0.0.5' },
  system: { value: 'URI', summary: '@odata.id of the ComputerSystem, where a BMC has several' },
  'bmc-user': { value: 'NAME', summary: 'login at the BMC' },
  'bmc-password-file': {
    value: 'FILE',
    summary: 'its password, first line; - for standard input; asked for when not given',
  },
  'bmc-ca': { value: 'FILE', summary: 'check the BMC’s certificate by this CA, PEM' },
  'bmc-fingerprint': { value: 'SHA256', summary: 'check it by its own fingerprint' },
  'bmc-first-use': { summary: 'believe the first certificate that it shows (the default)' },
  'bmc-insecure': { summary: 'do not check it at all' },
  'media-plan': {
    value: 'PLAN',
    choices: ['two-cd', 'cd-usb', 'one', 'auto'],
    summary: 'how media are inserted; auto lets the controller decide',
  },
  'media-url': { value: 'URL', summary: 'where this BMC fetches media ("" for the default)' },
  'report-url': { value: 'URL', repeat: true, summary: 'where this machine reports ("" likewise)' },
  label: { value: 'K=V', repeat: true, summary: 'label; with `set` all of them are replaced' },
  protect: { summary: 'refuse jobs for this machine' },
} as const satisfies OptionSpecs

/** The fields of a machine's document that were given; `null` takes one away. */
export async function machineFields(flags: Flags): Promise<Record<string, unknown>> {
  const text = (name: string) => flags.text(name)
  const orNull = (name: string, none = '') => (text(name) === none ? null : text(name))
  const reports = flags.list('report-url').filter((url) => url !== '')
  const fields: Record<string, unknown> = {
    bmc_url: text('bmc'),
    system_uri: orNull('system'),
    username: text('bmc-user'),
    tls: await tlsPolicy(flags),
    media_plan: orNull('media-plan', 'auto'),
    media_base_url: orNull('media-url'),
    report_base_urls: flags.on('report-url') ? (reports.length > 0 ? reports : null) : undefined,
    labels: flags.on('label') ? pairs('label', flags.list('label')) : undefined,
    protected: flags.on('protect') ? true : undefined,
  }
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
}

/** Never from the command line: every process of the box can read that. */
export async function bmcPassword(flags: Flags): Promise<string> {
  const file = flags.text('bmc-password-file')
  if (file === undefined) return newSecret('password of the BMC')
  return (await readInput(file)).split(/\r?\n/, 1)[0] ?? ''
}

async function tlsPolicy(flags: Flags) {
  const given = ['bmc-ca', 'bmc-fingerprint', 'bmc-first-use', 'bmc-insecure'].filter(flags.on)
  if (given.length > 1) {
    throw usageProblem(`${given.map((name) => `--${name}`).join(' and ')} exclude each other`)
  }
  const [ca, fingerprint] = [flags.text('bmc-ca'), flags.text('bmc-fingerprint')]
  if (ca !== undefined) return { mode: 'ca', ca_pem: await readCa(ca) }
  if (fingerprint !== undefined) return { mode: 'pin', fingerprint }
  if (flags.on('bmc-first-use')) return { mode: 'first-use' }
  return flags.on('bmc-insecure') ? { mode: 'insecure' } : undefined
}
