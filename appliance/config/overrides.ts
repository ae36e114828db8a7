// SPDX-License-Identifier: AGPL-3.0-or-later
import { didYouMean } from '../../core/nearest.ts'
import type { Setting, SettingKind } from './settings.ts'
import { readToml, TomlError } from './toml.ts'

/** A setting given from outside the file. */
export interface Override {
  readonly setting: Setting
  readonly value: unknown
  /** Where it came from, as the user knows it: `SLIPWAY_LOG_LEVEL`, `--set`. */
  readonly from: string
}

export interface Overrides {
  readonly found: readonly Override[]
  /** One sentence each. */
  readonly problems: readonly string[]
}

/** Variables that steer the command line itself and override no setting. */
export const CLIENT_VARIABLES: ReadonlySet<string> = new Set([
  'SLIPWAY_CONFIG',
  'SLIPWAY_DATA',
  'SLIPWAY_URL',
  'SLIPWAY_PROFILE',
  'SLIPWAY_TOKEN',
  'SLIPWAY_TOKEN_FILE',
  'SLIPWAY_USER',
  'SLIPWAY_PASSWORD',
  'SLIPWAY_CA_FILE',
  'SLIPWAY_FINGERPRINT',
])

// Kubernetes and Docker put such variables into every container beside a service of our name.
const SERVICE_LINK = /^SLIPWAY_(SERVICE_(HOST|PORT)|PORT)(_|$)/

/** What the environment says about the settings. Variables of another form than an override are left alone. */
export function fromEnvironment(
  env: Readonly<Record<string, string | undefined>>,
  settings: readonly Setting[],
): Overrides {
  const byVariable = new Map(settings.map((setting) => [setting.variable, setting]))
  const found: Override[] = []
  const problems: string[] = []
  for (const [name, text] of Object.entries(env)) {
    if (text === undefined || !/^SLIPWAY_[A-Z0-9]+_/.test(name)) continue
    const setting = byVariable.get(name)
    if (setting) found.push({ setting, value: typed(text, setting), from: name })
    else if (!CLIENT_VARIABLES.has(name) && !SERVICE_LINK.test(name)) {
      const known = [...byVariable.keys(), ...CLIENT_VARIABLES]
      problems.push(`unknown environment variable \`${name}\`${didYouMean(name, known)}`)
    }
  }
  return { found, problems }
}

/** What `--set table.key=value` says; a later one wins. */
export function fromFlags(flags: readonly string[], settings: readonly Setting[]): Overrides {
  const byKey = new Map(settings.map((setting) => [setting.key, setting]))
  const found: Override[] = []
  const problems: string[] = []
  for (const flag of flags) {
    const equals = flag.indexOf('=')
    const key = flag.slice(0, equals === -1 ? undefined : equals).trim()
    const setting = byKey.get(key)
    if (!setting)
      problems.push(
        `unknown key \`${key}\` in --set${didYouMean(key, byKey.keys()) || '; `slipway config print` lists all keys'}`,
      )
    else if (equals === -1) problems.push(`--set ${key} lacks a value: --set ${key}=VALUE`)
    else found.push({ setting, value: typed(flag.slice(equals + 1), setting), from: '--set' })
  }
  return { found, problems }
}

/** Turns text into the kind of the setting; what does not fit stays text and fails its schema. */
function typed(text: string, setting: Setting): unknown {
  if (setting.kind !== 'list') return asKind(text, setting.kind)
  return text
    .split(',')
    .map((member) => member.trim())
    .filter((member) => member !== '')
    .map((member) => asKind(member, setting.member))
}

function asKind(text: string, kind: SettingKind): unknown {
  if (kind === 'number') return /^-?\d[\d_]*(\.\d+)?$/.test(text) ? toNumber(text) : text
  if (kind === 'boolean') return text === 'true' ? true : text === 'false' ? false : text
  return kind === 'other' ? asToml(text) : text
}

const toNumber = (text: string) => Number(text.replaceAll('_', ''))

function asToml(text: string): unknown {
  try {
    return readToml(`value = ${text}`).value['value']
  } catch (error) {
    if (error instanceof TomlError) return text
    throw error
  }
}
