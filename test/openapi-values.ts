// SPDX-License-Identifier: AGPL-3.0-or-later
/** Values after a JSON Schema: what it allows, and what it must refuse. Always the same for one seed. */

export type Schema = Readonly<Record<string, unknown>>

/** Mulberry32: 0 up to but without 1. */
export function randomOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** Makes values for the schemas of one document. */
export interface Values {
  valid(schema: Schema): unknown
  /** The value with one thing wrong, once for each thing; what is wrong by its name. */
  invalid(schema: Schema): readonly { readonly name: string; readonly value: unknown }[]
}

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz0123456789 äß"\\/<>&\u0007\u{1f600}'

/** No schema of ours takes it where it expects something else. */
const WRONG: Readonly<Record<string, unknown>> = {
  string: 17,
  number: 'x',
  integer: 'x',
  boolean: 'x',
  array: 'x',
  object: 'x',
}

export function valuesFor(document: Schema, random: () => number): Values {
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)] as T
  const count = (from: number, to: number) => from + Math.floor(random() * (to - from + 1))

  const resolved = (schema: Schema): Schema => {
    const ref = schema['$ref']
    if (typeof ref !== 'string') return schema
    const path = ref.slice(2).split('/')
    return resolved(path.reduce((at, name) => at[name] as Schema, document))
  }

  const text = (schema: Schema): string => {
    if (schema['format'] === 'date-time') return new Date(count(0, 2e9) * 1_000).toISOString()
    const pattern = new RegExp(String(schema['pattern'] ?? ''))
    // A pattern that only keeps some letters out is no reason for dull names.
    const alphabet = [...ALPHABET].filter((letter) => pattern.test(letter))
    if (schema['pattern'] !== undefined && alphabet.length < 10) {
      const fitting = SAMPLES.filter((each) => pattern.test(each))
      if (fitting.length > 0) return pick(fitting)
      throw new Error(`no sample for ${schema['pattern']}: give the schema an example`)
    }
    const least = Number(schema['minLength'] ?? 0)
    const length = count(least, Math.min(Number(schema['maxLength'] ?? 40), least + 40))
    const letters = Array.from({ length }, () => pick(alphabet)).join('')
    // Ends of text are trimmed, and then it may be too short.
    return `${letters}`.replace(/^ | $/g, 'x').slice(0, Number(schema['maxLength'] ?? 80))
  }

  const object = (schema: Schema): unknown => {
    const properties = (schema['properties'] ?? {}) as Record<string, Schema>
    const required = (schema['required'] ?? []) as string[]
    const chosen = Object.keys(properties).filter((key) => required.includes(key) || random() < 0.5)
    const least = Number(schema['minProperties'] ?? 0)
    if (chosen.length < least) chosen.push(...Object.keys(properties).slice(0, least))
    const entries = chosen.map((key) => [key, valid(properties[key] as Schema)])
    const more = schema['additionalProperties']
    if (typeof more === 'object' && more !== null) entries.push(['key', valid(more as Schema)])
    return Object.fromEntries(entries)
  }

  const valid = (given: Schema): unknown => {
    const schema = resolved(given)
    if (schema['const'] !== undefined) return schema['const']
    if (Array.isArray(schema['enum'])) return pick(schema['enum'])
    if (Array.isArray(schema['examples'])) return pick(schema['examples'])
    for (const key of ['oneOf', 'anyOf']) {
      if (Array.isArray(schema[key])) return valid(pick(schema[key]))
    }
    switch (schema['type']) {
      case 'string':
        return text(schema)
      case 'integer':
      case 'number': {
        const least = Number(schema['minimum'] ?? 0)
        return count(least, Number(schema['maximum'] ?? least + 1_000))
      }
      case 'boolean':
        return random() < 0.5
      case 'null':
        return null
      case 'array': {
        const length = count(Number(schema['minItems'] ?? 0), 3)
        return Array.from({ length }, () => valid(schema['items'] as Schema))
      }
      case 'object':
        return object(schema)
      default:
        return pick([null, 1, 'text', {}, []])
    }
  }

  const invalid: Values['invalid'] = (given) => {
    const schema = resolved(given)
    if (schema['type'] !== 'object') return []
    const whole = () => valid(schema) as Record<string, unknown>
    const properties = (schema['properties'] ?? {}) as Record<string, Schema>
    const required = (schema['required'] ?? []) as string[]
    const missing = required.map((key) => {
      const { [key]: _, ...rest } = whole()
      return { name: `without ${key}`, value: rest }
    })
    const wrong = Object.entries(properties).flatMap(([key, each]) => {
      const { type } = resolved(each)
      if (typeof type !== 'string') return []
      return [{ name: `${key} of another kind`, value: { ...whole(), [key]: WRONG[type] } }]
    })
    const unknown =
      schema['additionalProperties'] === false
        ? [{ name: 'an unknown field', value: { ...whole(), no_such_field: 1 } }]
        : []
    const few = schema['minProperties'] ? [{ name: 'nothing', value: {} }] : []
    return [...missing, ...wrong, ...unknown, ...few, { name: 'a list', value: [] }]
  }

  return { valid, invalid }
}

/** For patterns that have no example of their own. */
const SAMPLES = ['/redfish/v1/Systems/1', 'rack=a12', 'key-1', 'a'.repeat(64)]
