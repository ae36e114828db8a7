// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Context } from 'hono'
import * as v from 'valibot'
import { type FaultDetail, requestFaults } from '../faults.ts'
import { MiB } from '../units.ts'

const DEEPEST = 64

/** The body as bytes; throws `request.too-large` as soon as more than `limitBytes` came in. */
export async function readBody(c: Context, limitBytes: number): Promise<Uint8Array> {
  const tooLarge = () =>
    requestFaults.tooLarge(`the body is larger than ${Math.floor(limitBytes / 1024)} KiB`)
  const announced = Number(c.req.header('content-length') ?? 0)
  if (announced > limitBytes) throw tooLarge()
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of c.req.raw.body ?? []) {
    size += chunk.byteLength
    if (size > limitBytes) throw tooLarge()
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

const depth = (value: unknown, level = 0): number => {
  if (typeof value !== 'object' || value === null || level > DEEPEST) return level
  return Math.max(level, ...Object.values(value).map((inner) => depth(inner, level + 1)))
}

/** Parses JSON that came from outside: strict UTF-8, bounded depth. Throws `request.json`. */
export function parseJson(bytes: Uint8Array): unknown {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
    if (depth(value) <= DEEPEST) return value
  } catch (cause) {
    throw requestFaults.json('the body is not valid JSON in UTF-8', { cause })
  }
  throw requestFaults.json(`the body is nested deeper than ${DEEPEST} levels`)
}

const pointerPart = (key: unknown) => String(key).replaceAll('~', '~0').replaceAll('/', '~1')

/** How valibot's own limits are said; a schema may bring a sentence of its own. */
const LIMITS: Readonly<Record<string, string>> = {
  min_length: 'is too short, the least length is',
  max_length: 'is too long, the most is',
  min_value: 'must be at least',
  max_value: 'must be at most',
}

/** What is wrong, without the value. */
function messageOf(issue: v.BaseIssue<unknown>): string {
  if (issue.expected === 'never') return 'unknown field'
  if (!issue.message.startsWith('Invalid ')) return issue.message
  if (issue.kind === 'schema' && issue.received === 'undefined') return 'is missing'
  const limit = LIMITS[issue.type]
  if (limit) return `${limit} ${issue.requirement}`
  return issue.expected ? `expected ${issue.expected}` : issue.type
}

/** Issues of valibot as the details of a fault. Values are not repeated: they may be secrets. */
export function detailsOf(issues: readonly v.BaseIssue<unknown>[]): FaultDetail[] {
  return issues.map((issue) => {
    const keys = (issue.path ?? []).map((item) => item.key)
    const field = keys.reduce<string>(
      (text, key) =>
        typeof key === 'number' ? `${text}[${key}]` : text ? `${text}.${String(key)}` : String(key),
      '',
    )
    return {
      path: keys.map((key) => `/${pointerPart(key)}`).join(''),
      field,
      code: issue.expected === 'never' ? 'unknown_key' : issue.type,
      message: messageOf(issue),
    }
  })
}

/** Checks a value against a schema. Throws `request.invalid` with every problem at once. */
export function checked<S extends v.GenericSchema<unknown, unknown>>(
  schema: S,
  value: unknown,
  what = 'the request',
): v.InferOutput<S> {
  // To valibot a list is an object without fields.
  if (Array.isArray(value) && schema.type.endsWith('object')) {
    throw requestFaults.invalid(`${what} is not valid: expected an object, not a list`)
  }
  const result = v.safeParse(schema, value)
  if (result.success) return result.output
  const details = detailsOf(result.issues)
  const first = details[0]
  const where = first?.field ? `${first.field}: ` : ''
  throw requestFaults.invalid(
    `${what} is not valid: ${where}${first?.message ?? 'unknown problem'}`,
    {
      details,
    },
  )
}

/** The body, parsed and checked. Throws `request.json`, `request.invalid` or `request.too-large`. */
export async function readJson<S extends v.GenericSchema<unknown, unknown>>(
  c: Context,
  schema: S,
  limitBytes = 10 * MiB,
): Promise<v.InferOutput<S>> {
  return checked(schema, parseJson(await readBody(c, limitBytes)))
}
