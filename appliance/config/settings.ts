// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'
import type { ConfigSchema } from '../../core/plugin.ts'

export type SettingKind = 'text' | 'number' | 'boolean' | 'list' | 'other'

/** One key of the configuration, as its schema tells it. */
export interface Setting {
  /** Dotted, e.g. `server.https`. */
  readonly key: string
  readonly path: readonly string[]
  /** Environment variable that overrides it, e.g. `SLIPWAY_SERVER_HTTPS`. */
  readonly variable: string
  readonly kind: SettingKind
  /** Kind of one member of a list. */
  readonly member: SettingKind
  /** All values it may take, when they are few and named. */
  readonly choices: readonly string[]
  /** What may stand there, to follow "expected": `a list of strings`. */
  readonly expects: string
  /** Undefined when the key must be given. */
  readonly default: unknown
  readonly description: string
  /** Never shown or repeated, not even in errors. */
  readonly secret: boolean
}

/** Schemas by the name of their table. */
export type ConfigTables = ReadonlyMap<string, ConfigSchema>

/** What we read of valibot's schema objects; their own types are too wide to walk. */
interface SchemaNode {
  readonly type: string
  readonly wrapped?: SchemaNode
  readonly entries?: Readonly<Record<string, SchemaNode>>
  readonly options?: readonly unknown[]
  readonly item?: SchemaNode
  readonly literal?: unknown
}

const WRAPPERS = new Set(['optional', 'nullable', 'nullish', 'exact_optional'])
const SECRET_NAME = /(^|_)(secret|password|token|key|credentials?)(_old)?$/

/** Every key of every table, in the order of the schemas. */
export function settingsOf(tables: ConfigTables): readonly Setting[] {
  return [...tables].flatMap(([table, schema]) => walk([table], schema as unknown as SchemaNode))
}

/** Does this name a secret? A path to a file with one is none. */
export function namesSecret(name: string): boolean {
  return SECRET_NAME.test(name)
}

function walk(path: readonly string[], schema: SchemaNode): readonly Setting[] {
  const { inner, description, fallback } = unwrap(schema)
  if (inner.entries) {
    return Object.entries(inner.entries).flatMap(([name, entry]) => walk([...path, name], entry))
  }
  return [
    {
      key: path.join('.'),
      path,
      variable: `SLIPWAY_${path.join('_').replaceAll('-', '_').toUpperCase()}`,
      kind: kindOf(inner),
      member: inner.item ? kindOf(unwrap(inner.item).inner) : 'text',
      choices: inner.type === 'picklist' ? (inner.options ?? []).map(String) : [],
      expects: expectation(inner),
      default: fallback,
      description,
      secret: namesSecret(path.at(-1) ?? ''),
    },
  ]
}

/** Takes off `optional` and its like, keeping what they say. */
function unwrap(schema: SchemaNode) {
  let inner = schema
  let description = ''
  let fallback: unknown
  for (;;) {
    const layer = inner as unknown as v.GenericSchema
    description ||= v.getDescription(layer) ?? ''
    if (!WRAPPERS.has(inner.type) || !inner.wrapped) return { inner, description, fallback }
    fallback ??= v.getDefault(layer)
    inner = inner.wrapped
  }
}

function kindOf(schema: SchemaNode): SettingKind {
  switch (schema.type) {
    case 'string':
    case 'picklist':
      return 'text'
    case 'number':
      return 'number'
    case 'boolean':
      return 'boolean'
    case 'literal':
      return typeof schema.literal === 'string' ? 'text' : 'other'
    case 'array':
      return schema.item && kindOf(unwrap(schema.item).inner) !== 'other' ? 'list' : 'other'
    case 'union': {
      // "one or a list of": the list is the wider of the two.
      const kinds = (schema.options ?? []).map((option) => kindOf(option as SchemaNode))
      return kinds.find((kind) => kind === 'list') ?? kinds[0] ?? 'other'
    }
    default:
      return 'other'
  }
}

/** valibot's words for types, as a person says them. */
export const NOUNS: Readonly<Record<string, readonly [one: string, many: string]>> = {
  string: ['a string', 'strings'],
  number: ['a number', 'numbers'],
  boolean: ['true or false', 'true or false'],
  record: ['a table', 'tables'],
  strict_object: ['a table', 'tables'],
  object: ['a table', 'tables'],
  Object: ['a table', 'tables'],
  Array: ['a list', 'lists'],
}

function expectation(schema: SchemaNode): string {
  const options = schema.options ?? []
  if (schema.type === 'picklist') return `one of ${options.map((o) => `"${o}"`).join(', ')}`
  if (schema.type === 'union') {
    const each = options.map((option) => expectation(unwrap(option as SchemaNode).inner))
    return [...new Set(each)].join(' or ')
  }
  if (schema.type === 'literal') return NOUNS[typeof schema.literal]?.[0] ?? 'another kind of value'
  if (schema.type !== 'array') return NOUNS[schema.type]?.[0] ?? 'another kind of value'
  const member = schema.item ? unwrap(schema.item).inner : undefined
  return `a list of ${(member && NOUNS[member.type]?.[1]) ?? 'values'}`
}
