// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Context } from 'hono'
import * as v from 'valibot'
import { PageLimit } from '../../schemas/query.ts'
import { requestFaults } from '../faults.ts'
import { didYouMean } from '../nearest.ts'

const A_PAGE = 100

/** `?limit=`: 1 to 500, 100 when absent. Throws `request.invalid`. */
export function limitOf(c: Context): number {
  const text = c.req.query('limit')
  if (text === undefined) return A_PAGE
  const limit = v.safeParse(PageLimit, Number(text))
  if (limit.success) return limit.output
  throw requestFaults.invalid('limit must be a whole number from 1 to 500')
}

/** `?label=key=value`, repeatable. Throws `request.invalid`. */
export function labelsOf(c: Context): readonly (readonly [string, string])[] {
  return (c.req.queries('label') ?? []).map((text) => {
    const at = text.indexOf('=')
    if (at > 0) return [text.slice(0, at), text.slice(at + 1)] as const
    throw requestFaults.invalid('label must be given as key=value')
  })
}

/** One of the words, or undefined when absent. Throws `request.invalid`, naming them. */
export function wordOf<const T extends string>(
  c: Context,
  name: string,
  words: readonly T[],
): T | undefined {
  const text = c.req.query(name)
  if (text === undefined) return undefined
  const word = words.find((each) => each === text)
  if (word) return word
  throw requestFaults.invalid(`${name} must be one of ${words.join(', ')}`)
}

/** Cursors are opaque to callers: a JSON value in base64url. */
export const toCursor = (value: unknown): string =>
  Buffer.from(JSON.stringify(value)).toString('base64url')

/** What `toCursor` was given, or undefined when absent. Throws `request.invalid` for what we never made. */
export function fromCursor(c: Context): unknown {
  const text = c.req.query('cursor')
  if (text === undefined) return undefined
  try {
    return JSON.parse(Buffer.from(text, 'base64url').toString('utf8'))
  } catch (cause) {
    throw requestFaults.invalid('the cursor is not one that a list gave out', { cause })
  }
}

/**
 * Refuses parameters that the route does not know: a mistyped filter would list everything. Throws
 * `request.invalid`, naming the nearest.
 */
export function onlyQuery(c: Context, known: readonly string[]): void {
  const stray = Object.keys(c.req.query()).find((name) => !known.includes(name))
  if (stray === undefined) return
  throw requestFaults.invalid(
    `there is no parameter ${stray.slice(0, 64)} here${didYouMean(stray, known)}`,
  )
}
