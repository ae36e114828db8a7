// SPDX-License-Identifier: AGPL-3.0-or-later
import { type AST, getStaticTOMLValue, ParseError, parseTOML } from 'toml-eslint-parser'

export interface Place {
  /** From 1. */
  readonly line: number
  readonly column: number
}

export interface TomlDocument {
  readonly value: Readonly<Record<string, unknown>>
  /** Where each key stands, by its dotted name; members of a list of tables by `[n]`. */
  readonly places: ReadonlyMap<string, Place>
}

/** A text that is no TOML. The message quotes nothing of the text: it may hold secrets. */
export class TomlError extends Error {
  readonly place: Place

  constructor(message: string, place: Place, options: ErrorOptions) {
    super(message, options)
    this.name = 'TomlError'
    this.place = place
  }
}

/** Reads TOML 1.0 and remembers where each key stood. Throws TomlError. */
export function readToml(text: string): TomlDocument {
  try {
    const program = parseTOML(text, { tomlVersion: '1.0' })
    const places = new Map<string, Place>()
    for (const node of program.body[0].body) {
      if (node.type === 'TOMLKeyValue') noteKey(node, [], places)
      else noteTable(node, places)
    }
    return { value: getStaticTOMLValue(program), places }
  } catch (cause) {
    if (!(cause instanceof ParseError)) throw cause
    const message = cause.message.charAt(0).toLowerCase() + cause.message.slice(1)
    throw new TomlError(message, { line: cause.lineNumber, column: cause.column + 1 }, { cause })
  }
}

/** Dotted form of a path: `a.b[0].c`. */
export function dotted(path: readonly (string | number)[]): string {
  return path
    .map((part, index) =>
      typeof part === 'number' ? `[${part}]` : index === 0 ? part : `.${part}`,
    )
    .join('')
}

function noteTable(table: AST.TOMLTable, places: Map<string, Place>) {
  notePath(table.resolvedKey, table.key, places)
  for (const entry of table.body) noteKey(entry, table.resolvedKey, places)
}

function noteKey(
  entry: AST.TOMLKeyValue,
  table: readonly (string | number)[],
  places: Map<string, Place>,
) {
  const names = entry.key.keys.map((key) => (key.type === 'TOMLBare' ? key.name : key.value))
  const path = [...table, ...names]
  notePath(path, entry.key, places)
  if (entry.value.type !== 'TOMLInlineTable') return
  for (const inner of entry.value.body) noteKey(inner, path, places)
}

/** The key itself, and the tables that it opens on the way. */
function notePath(
  path: readonly (string | number)[],
  key: AST.TOMLKey,
  places: Map<string, Place>,
) {
  const { line, column } = key.loc.start
  for (let length = 1; length <= path.length; length++) {
    const name = dotted(path.slice(0, length))
    if (!places.has(name)) places.set(name, { line, column: column + 1 })
  }
}

/** A value as TOML: one line. Throws on what TOML cannot say (null, undefined). */
export function writeTomlValue(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value).replaceAll('\u007f', '\\u007f')
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  if (Array.isArray(value)) return `[${value.map(writeTomlValue).join(', ')}]`
  if (value instanceof Date) return value.toISOString()
  if (typeof value === 'object' && value !== null) {
    const pairs = Object.entries(value).filter(([, inner]) => inner !== undefined)
    const members = pairs.map(([key, inner]) => `${writeTomlKey(key)} = ${writeTomlValue(inner)}`)
    return members.length === 0 ? '{}' : `{ ${members.join(', ')} }`
  }
  throw new TypeError(`TOML has no way to say ${value === null ? 'null' : typeof value}`)
}

/** A key as TOML: bare where that is allowed. */
export function writeTomlKey(key: string): string {
  return /^[A-Za-z0-9_-]+$/.test(key) ? key : writeTomlValue(key)
}

/** A TOML table as the parser gives it. */
export function isTable(value: unknown): value is Record<string, unknown> {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date)
  )
}
