// SPDX-License-Identifier: AGPL-3.0-or-later
import { readFile } from 'node:fs/promises'
import { normalize, resolve } from 'node:path'
import * as v from 'valibot'
import { CoreConfig } from '../core/config.ts'
import { defineFaults, type FaultDetail } from '../core/faults.ts'
import type { Plugin } from '../core/plugin.ts'
import { fromEnvironment, fromFlags, type Override } from './config/overrides.ts'
import { type ConfigTables, type Setting, settingsOf } from './config/settings.ts'
import { isTable, type Place, readToml, TomlError } from './config/toml.ts'
import { judge, type Locate } from './config/verdict.ts'

type Env = Readonly<Record<string, string | undefined>>

export interface LoadedConfig {
  readonly core: CoreConfig
  /** Parsed by each plugin's own schema, by its name. */
  readonly plugins: Readonly<Record<string, unknown>>
  /** The file that was read; undefined when there was none. */
  readonly source: string | undefined
  /** Where each key's value comes from: `default`, `slipway.toml:3`, `SLIPWAY_LOG_LEVEL` or `--set`. */
  readonly origins: Readonly<Record<string, string>>
}

export interface ConfigSources {
  /** `--config`; must exist when given. */
  readonly path?: string | undefined
  readonly env: Env
  /** `table.key=value`, as `--set` gave them. */
  readonly flags: readonly string[]
  readonly plugins: readonly Pick<Plugin, 'name' | 'config'>[]
  /** Where `./slipway.toml` is looked for; the working directory when not given. */
  readonly cwd?: string
}

export const configFaults = defineFaults('config', {
  unreadable: { status: 500, retry: false },
  invalid: { status: 500, retry: false },
})

/**
 * File, then environment, then flags, over the defaults of the schemas. Throws `config.unreadable`
 * or `config.invalid`, whose details are all problems at once.
 */
export async function loadConfig(sources: ConfigSources): Promise<LoadedConfig> {
  const tables = configTables(sources.plugins)
  const settings = settingsOf(tables)
  const file = await readConfigFile(sources)
  const tree: Record<string, unknown> = structuredClone(file.value)
  const environment = fromEnvironment(sources.env, settings)
  const flags = fromFlags(sources.flags, settings)
  const overrides = new Map<string, Override>()
  for (const override of [...environment.found, ...flags.found]) {
    overrides.set(override.setting.key, override)
    place(tree, override.setting.path, override.value)
  }
  const stray = [...environment.problems, ...flags.problems]
  const problems = [
    ...judge(tree, tables, settings, locator(file, overrides)),
    ...stray.map((message) => ({ path: '', field: '', code: 'unknown-key', message })),
  ]
  if (problems.length > 0) throw invalid(file.source, problems)
  return {
    ...parse(tree, sources.plugins),
    source: file.source,
    origins: origins(settings, file, overrides),
  }
}

/** Schemas of core's tables and of the plugins', in the order in which they are shown. */
function configTables(plugins: ConfigSources['plugins']): ConfigTables {
  const tables = new Map(Object.entries<v.GenericSchema>(CoreConfig.entries))
  for (const { name, config } of plugins) tables.set(name, config)
  return tables
}

/** Every key there is, in the order in which they are shown. */
export const settingsOfPlugins = (plugins: ConfigSources['plugins']): readonly Setting[] =>
  settingsOf(configTables(plugins))

interface ConfigFile {
  readonly source: string | undefined
  readonly value: Readonly<Record<string, unknown>>
  readonly places: ReadonlyMap<string, Place>
}

async function readConfigFile(sources: ConfigSources): Promise<ConfigFile> {
  const asked = sources.path ?? (sources.env['SLIPWAY_CONFIG'] || undefined)
  const cwd = sources.cwd ?? process.cwd()
  for (const source of asked ? [asked] : ['slipway.toml', '/etc/slipway/slipway.toml']) {
    const text = await readFile(resolve(cwd, source), 'utf8').catch((cause: unknown) => {
      if (!asked && isMissing(cause)) return undefined
      throw configFaults.unreadable(
        `cannot read the configuration ${resolve(cwd, source)}: ${(cause as Error).message}`,
        { cause },
      )
    })
    if (text === undefined) continue
    try {
      return { source: normalize(source), ...readToml(text) }
    } catch (cause) {
      if (!(cause instanceof TomlError)) throw cause
      const { line, column } = cause.place
      const message = `${normalize(source)}:${line}:${column} is not valid TOML: ${cause.message}`
      throw configFaults.invalid(message, { cause })
    }
  }
  return { source: undefined, value: {}, places: new Map() }
}

function isMissing(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code
  return code === 'ENOENT' || code === 'ENOTDIR'
}

/** Puts a value into the tree. Where the file has something else than a table, that is left for the verdict. */
function place(tree: Record<string, unknown>, path: readonly string[], value: unknown) {
  let table = tree
  for (const name of path.slice(0, -1)) {
    const next = table[name] ?? {}
    if (!isTable(next)) return
    table[name] = next
    table = next
  }
  table[path.at(-1) ?? ''] = value
}

function locator(file: ConfigFile, overrides: ReadonlyMap<string, Override>): Locate {
  return (key) => {
    // A member of a list, or a missing key, stands where the nearest thing around it stands.
    for (let at = key; at !== ''; at = at.slice(0, Math.max(at.search(/[.[][^.[]*$/), 0))) {
      const override = overrides.get(at)
      if (override) return { text: ` in ${override.from}`, asText: true }
      const found = file.places.get(at)
      if (found) {
        return { text: ` at ${file.source}:${found.line}:${found.column}`, asText: false }
      }
    }
    return { text: '', asText: false }
  }
}

function invalid(source: string | undefined, details: readonly FaultDetail[]) {
  const [only] = details
  const where = source ?? 'environment and flags'
  return configFaults.invalid(
    details.length === 1 && only
      ? only.message
      : `the configuration has ${details.length} problems (${where}); nothing was started`,
    { details },
  )
}

function parse(tree: Record<string, unknown>, plugins: ConfigSources['plugins']) {
  const core = Object.fromEntries(
    Object.keys(CoreConfig.entries).map((table) => [table, tree[table] ?? {}]),
  )
  return {
    core: v.parse(CoreConfig, core),
    plugins: Object.fromEntries(
      plugins.map(({ name, config }) => [name, v.parse(config, tree[name] ?? {})]),
    ),
  }
}

function origins(
  settings: readonly Setting[],
  file: ConfigFile,
  overrides: ReadonlyMap<string, Override>,
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    settings.map(({ key }) => {
      const found = file.places.get(key)
      const fromFile = found ? `${file.source}:${found.line}` : 'default'
      return [key, overrides.get(key)?.from ?? fromFile]
    }),
  )
}
