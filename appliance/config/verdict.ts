// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'
import type { FaultDetail } from '../../core/faults.ts'
import { didYouMean, nearest } from '../../core/nearest.ts'
import { type ConfigTables, NOUNS, type Setting } from './settings.ts'
import { dotted, isTable } from './toml.ts'

/** Where a key was given. */
export interface Origin {
  /** ` at slipway.toml:3:1`, ` in SLIPWAY_LOG_LEVEL`, or nothing. */
  readonly text: string
  /** By a variable or a flag: that all of them are strings says nothing. */
  readonly asText: boolean
}
export type Locate = (key: string) => Origin

type Tree = Readonly<Record<string, unknown>>

/** Everything that is wrong with the merged configuration; an empty list when nothing is. */
export function judge(
  tree: Tree,
  tables: ConfigTables,
  settings: readonly Setting[],
  locate: Locate,
): readonly FaultDetail[] {
  return [
    ...outsidePlugins(tree, locate),
    ...unknownKeys(tree, tables, settings, locate),
    ...[...tables].flatMap(([table, schema]) => {
      const result = v.safeParse(schema, tree[table] ?? {})
      return (result.issues ?? []).map((issue) => wrongValue(table, issue, settings, locate))
    }),
  ].filter((detail, index, all) => all.findIndex((one) => one.path === detail.path) === index)
}

function detail(path: readonly (string | number)[], code: string, message: string): FaultDetail {
  return { path: `/${path.join('/')}`, field: dotted(path), code, message }
}

function outsidePlugins(tree: Tree, locate: Locate): readonly FaultDetail[] {
  if (!('plugins' in tree)) return []
  const message = `\`[[plugins]]\`${locate('plugins').text}: this version loads no plugins from outside; take the list out (built-in ones have a table of their own name)`
  return [detail(['plugins'], 'plugins', message)]
}

/** Walks the given tree beside the known keys; each unknown leaf is named with the nearest known one. */
function unknownKeys(
  tree: Tree,
  tables: ConfigTables,
  settings: readonly Setting[],
  locate: Locate,
): readonly FaultDetail[] {
  const known = new Set(settings.map((setting) => setting.key))
  const inner = new Set([...tables.keys(), ...settings.flatMap((setting) => parents(setting.path))])
  const visit = (path: readonly string[], value: unknown): readonly FaultDetail[] => {
    const key = path.join('.')
    if (known.has(key) || key === 'plugins') return []
    const entries = isTable(value) ? Object.entries(value) : []
    if (inner.has(key) || entries.length > 0) {
      return entries.flatMap(([name, next]) => visit([...path, name], next))
    }
    const word = isTable(value) ? 'table' : 'key'
    return [
      detail(
        path,
        `unknown-${word}`,
        `unknown ${word} \`${key}\`${locate(key).text}${suggestion(path, [...known], [...inner])}`,
      ),
    ]
  }
  return Object.entries(tree).flatMap(([name, value]) => visit([name], value))
}

function suggestion(
  path: readonly string[],
  keys: readonly string[],
  tables: readonly string[],
): string {
  const key = path.join('.')
  const close = didYouMean(key, [...keys, ...tables])
  if (close) return close
  // The right name in the wrong table, or in none.
  const elsewhere = keys.filter((known) => known.split('.').at(-1) === path.at(-1))
  if (elsewhere.length === 1) return `; did you mean \`${elsewhere[0]}\`?`
  if (tables.includes(path[0] ?? '')) return ''
  return `; there is no table \`${path[0]}\` (\`slipway config print\` lists all)`
}

function wrongValue(
  table: string,
  issue: v.BaseIssue<unknown>,
  settings: readonly Setting[],
  locate: Locate,
): FaultDetail {
  const path = [table, ...(issue.path ?? []).map((item) => item.key as string | number)]
  const key = dotted(path)
  const setting = settings.find((one) => key === one.key || key.startsWith(`${one.key}[`))
  if (issue.type === 'strict_object' && issue.expected === 'never') {
    return detail(path, 'unknown-key', `unknown key \`${key}\`${locate(key).text}`)
  }
  if (issue.input === undefined) {
    const expected = setting ? `; expected ${setting.expects}` : ''
    return detail(path, 'missing', `\`${key}\`${locate(key).text} must be given${expected}`)
  }
  const { text, asText } = locate(key)
  const complaint = complain(issue, setting, asText)
  return detail(path, 'wrong-value', `\`${key}\`${text}: ${complaint}`)
}

/** What was expected. The value itself is never repeated: it may be a secret in the wrong place. */
function complain(issue: v.BaseIssue<unknown>, setting: Setting | undefined, asText: boolean) {
  const member = setting !== undefined && setting.kind === 'list' && issue.path?.length !== 1
  if (issue.kind === 'schema') {
    const expected = member ? nounOf(issue.expected) : (setting?.expects ?? nounOf(issue.expected))
    const meant =
      typeof issue.input === 'string' && setting ? nearest(issue.input, setting.choices) : undefined
    const got = asText || setting?.choices.length ? '' : `, got ${kindOfValue(issue.input)}`
    return `expected ${expected}${got}${meant ? `; did you mean "${meant}"?` : ''}`
  }
  // Messages that a schema wrote itself are better than ours, unless they repeat a secret.
  if (issue.message.startsWith('Invalid ') || repeats(issue, setting)) {
    const unit = typeof issue.input === 'string' ? ' characters' : ''
    return `expected ${bounds(issue.expected, unit) ?? setting?.expects ?? 'another value'}`
  }
  return /^(must|is|has|may|needs) /.test(issue.message)
    ? issue.message
    : `expected ${issue.message}`
}

function repeats(issue: v.BaseIssue<unknown>, setting: Setting | undefined): boolean {
  return setting?.secret === true && issue.message.includes(String(issue.input))
}

/** valibot's `>=1` in words; undefined when it says nothing of the kind. */
function bounds(expected: string | null, unit: string): string | undefined {
  const [, sign, limit] = /^([<>]=)(.+)$/.exec(expected ?? '') ?? []
  if (sign === undefined) return expected ?? undefined
  return `${sign === '>=' ? 'at least' : 'at most'} ${limit}${unit}`
}

function nounOf(expected: string | null): string {
  return (expected && NOUNS[expected]?.[0]) ?? expected ?? 'another value'
}

function kindOfValue(value: unknown): string {
  if (Array.isArray(value)) return 'a list'
  if (value instanceof Date) return 'a date'
  if (typeof value === 'object') return 'a table'
  return typeof value === 'boolean' ? 'true or false' : `a ${typeof value}`
}

function parents(path: readonly string[]): readonly string[] {
  return path.slice(0, -1).map((_, index) => path.slice(0, index + 1).join('.'))
}
