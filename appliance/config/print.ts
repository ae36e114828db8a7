// SPDX-License-Identifier: AGPL-3.0-or-later

import type { Plugin } from '../../core/plugin.ts'
import { type LoadedConfig, settingsOfPlugins } from '../config.ts'
import { namesSecret, type Setting } from './settings.ts'
import { writeTomlKey, writeTomlValue } from './toml.ts'

/** Stands where a secret is set. */
export const HIDDEN = '[set]'

/** The effective configuration for programs: values, and where each comes from. Secrets are hidden. */
export interface ConfigDocument {
  readonly source: string | null
  readonly settings: Readonly<
    Record<string, { value: unknown; origin: string; description: string; variable: string }>
  >
}

type Plugins = readonly Pick<Plugin, 'name' | 'config'>[]

export function configDocument(config: LoadedConfig, plugins: Plugins): ConfigDocument {
  const entries = settingsOfPlugins(plugins).map((setting) => {
    const { key, description, variable } = setting
    const value = shown(setting, valueAt(config, setting.path))
    return [
      key,
      { value, origin: config.origins[key] ?? 'default', description, variable },
    ] as const
  })
  return { source: config.source ?? null, settings: Object.fromEntries(entries) }
}

/** The effective configuration as TOML: what each key means, and where its value comes from. */
export function printConfig(config: LoadedConfig, plugins: Plugins): readonly string[] {
  return byTable(settingsOfPlugins(plugins), (setting) => {
    const value = shown(setting, valueAt(config, setting.path))
    const origin = config.origins[setting.key] ?? 'default'
    const line = value === undefined ? '' : ` ${writeTomlValue(value)}  # ${origin}`
    return [...comment(setting), line ? `${keyOf(setting)} =${line}` : `# ${keyOf(setting)} =`]
  })
}

/** A file that says everything and changes nothing: every key with its default, commented out. */
export function printDefaults(plugins: Plugins): readonly string[] {
  return byTable(settingsOfPlugins(plugins), (setting) => [
    ...comment(setting),
    setting.default === undefined
      ? `# ${keyOf(setting)} =   (${setting.expects}; must be given)`
      : `# ${keyOf(setting)} = ${writeTomlValue(setting.default)}`,
  ])
}

function byTable(
  settings: readonly Setting[],
  linesOf: (setting: Setting) => readonly string[],
): readonly string[] {
  const tables = Map.groupBy(settings, ({ path }) => path.slice(0, -1).map(writeTomlKey).join('.'))
  return [...tables].flatMap(([table, members], index) => [
    ...(index === 0 ? [] : ['']),
    `[${table}]`,
    ...members.flatMap(linesOf),
  ])
}

const keyOf = ({ path }: Setting) => writeTomlKey(path.at(-1) ?? '')

const comment = ({ description }: Setting) => (description ? [`# ${description}`] : [])

function valueAt(config: LoadedConfig, path: readonly string[]): unknown {
  let value: unknown = { ...config.plugins, ...config.core }
  for (const name of path) value = (value as Record<string, unknown> | undefined)?.[name]
  return value
}

function shown(setting: Setting, value: unknown): unknown {
  if (setting.secret) return value === undefined || value === '' ? value : HIDDEN
  return withoutSecrets(value)
}

/** Secrets inside a table, and logins inside a URL, are hidden too. */
function withoutSecrets(value: unknown): unknown {
  if (typeof value === 'string') return withoutLogin(value)
  if (Array.isArray(value)) return value.map(withoutSecrets)
  if (typeof value !== 'object' || value === null || value instanceof Date) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [
      name,
      namesSecret(name) && inner !== '' ? HIDDEN : withoutSecrets(inner),
    ]),
  )
}

function withoutLogin(text: string): string {
  return text
    .replace(/^([a-z][a-z\d+.-]*:\/\/)[^/@\s]*@/i, `$1${HIDDEN}@`)
    .replace(/([?&][^=&]*(?:token|secret|password|key)[^=&]*=)[^&#]+/gi, `$1${HIDDEN}`)
}
