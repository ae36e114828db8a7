// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Rules whose verdict is the same here and in the published draft-07 schema. JSON Schema counts
 * characters, JavaScript counts UTF-16 units; JSON Schema tells objects from lists, valibot's
 * records take both: hence these few makers instead of valibot's own.
 */
import * as v from 'valibot'

/** Shows a harmless word (size, enum, path) in a message; never used for payloads or secrets. */
export function quoted(value: unknown): string {
  if (typeof value !== 'string') return ''
  const printable = value.replaceAll(/[^\x20-\x7e]/g, '?')
  return `, not "${printable.length > 40 ? `${printable.slice(0, 40)}…` : printable}"`
}

/** Text of at most so many characters. */
export const text = (most: number) =>
  v.pipe(v.string(), v.maxCodePoints(most, `must have at most ${most} characters`))

/** As `text`, and not empty. */
export const filledText = (most: number) => v.pipe(text(most), v.minLength(1, 'must not be empty'))

/** Text of a fixed form. The pattern must be plain ASCII without flags and say its own longest length. */
export const word = (pattern: RegExp, message: string) =>
  v.pipe(v.string(), v.regex(pattern, message))

/** As `word`, and the message shows what came: for fields that never hold a secret. */
export const plainWord = (pattern: RegExp, message: string) =>
  v.pipe(
    v.string(),
    v.regex(pattern, (issue) => `${message}${quoted(issue.input)}`),
  )

/** One of a few words. */
export const choice = <const T extends readonly string[]>(words: T) =>
  v.picklist(words, (issue) => `must be one of ${words.join(', ')}${quoted(issue.input)}`)

/** A whole number from `least` to `most`. */
export const whole = (least: number, most: number) =>
  v.pipe(
    v.number(),
    v.integer('must be a whole number'),
    v.minValue(least, `must be at least ${least}`),
    v.maxValue(most, `must be at most ${most}`),
  )

const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** An object and nothing else: valibot by itself takes a list for an empty one. */
export const objectOnly = <T extends v.GenericSchema<unknown, unknown>>(schema: T) =>
  v.pipe(v.unknown(), v.check(isObject, 'must be an object'), schema)

/** Counted before the members are looked at: a million bad ones would be a million issues. */
const atMost = (most: number) =>
  v.check((value: unknown) => {
    if (Array.isArray(value)) return value.length <= most
    return !isObject(value) || Object.keys(value).length <= most
  }, `must have at most ${most} entries`)

/** Names to values. */
export const dictionary = <T extends v.GenericSchema<unknown, unknown>>(
  name: v.GenericSchema<string, string>,
  value: T,
  most: number,
) =>
  v.pipe(
    v.unknown(),
    v.check(isObject, 'must be an object'),
    atMost(most),
    v.record(name, value),
    // Said again for the published schema.
    v.maxEntries(most),
  )

/** An ordered list. */
export const list = <T extends v.GenericSchema<unknown, unknown>>(
  item: T,
  least: number,
  most: number,
) =>
  v.pipe(
    v.unknown(),
    atMost(most),
    v.array(item),
    v.minLength(least, least === 1 ? 'must not be empty' : `must have at least ${least} entries`),
    v.maxLength(most),
  )
