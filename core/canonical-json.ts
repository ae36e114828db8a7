// SPDX-License-Identifier: AGPL-3.0-or-later
import { defineFaults } from './faults.ts'

export const jsonFaults = defineFaults('json', {
  /** A value that has no canonical form. */
  notCanonical: { status: 400, retry: false, word: 'invalid_json' },
})

/** Deeper nesting than this is an attack or a loop, and would exhaust the stack. */
const DEEPEST = 512

const place = (path: string) => (path === '' ? 'the document' : path)

function text(value: string, path: string): string {
  if (!value.isWellFormed())
    throw jsonFaults.notCanonical(`${place(path)} holds half a surrogate pair; correct that text`)
  return JSON.stringify(value)
}

function write(value: unknown, path: string, depth: number): string {
  if (depth > DEEPEST)
    throw jsonFaults.notCanonical(
      `${place(path)} is nested deeper than ${DEEPEST}; flatten the document`,
    )
  if (value === null || typeof value === 'boolean') return String(value)
  if (typeof value === 'string') return text(value, path)
  // RFC 8785 §3.2.2.3 takes ECMAScript's own form of numbers.
  if (typeof value === 'number' && Number.isFinite(value)) return JSON.stringify(value)
  if (Array.isArray(value))
    return `[${value.map((item, i) => write(item, `${path}/${i}`, depth + 1)).join()}]`
  const isPlain =
    typeof value === 'object' &&
    (Object.getPrototypeOf(value) === Object.prototype || Object.getPrototypeOf(value) === null)
  if (!isPlain)
    throw jsonFaults.notCanonical(`${place(path)} is no JSON value (${typeof value}); leave it out`)
  const members = Object.entries(value)
    // An optional field that is absent, as JSON.stringify sees it too.
    .filter(([, member]) => member !== undefined)
    // RFC 8785 §3.2.3: by UTF-16 code units, which is how `<` compares.
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, member]) => {
      const memberPath = `${path}/${key}`
      return `${text(key, memberPath)}:${write(member, memberPath, depth + 1)}`
    })
  return `{${members.join()}}`
}

/**
 * The one text of a JSON value (RFC 8785, JCS): sorted keys, no spaces. Members that are undefined
 * are left out; anything else that JSON lacks, and lone surrogates, throw `json.not-canonical`.
 */
export const canonicalJson = (value: unknown): string => write(value, '', 0)
