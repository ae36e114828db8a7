// SPDX-License-Identifier: AGPL-3.0-or-later

const SPACE = /[ \t\r\n]*/y
const STRING = /"(?:[^"\\\p{Cc}]|\\(?:["\\/bfnrt]|u[\dA-Fa-f]{4}))*"/uy
const SCALAR = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y

/**
 * Where a text stops being JSON (RFC 8259), line and column from 1; undefined when it never does.
 * The runtime's parser tells no place and quotes the text instead, which may hold secrets.
 */
export function jsonFault(text: string): { line: number; column: number } | undefined {
  const reader = { text, at: 0 }
  if (value(reader) && !peek(reader)) return undefined
  const before = text.slice(0, reader.at).split('\n')
  return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 }
}

interface Reader {
  readonly text: string
  /** The first character that was not understood yet. */
  at: number
}

function value(reader: Reader): boolean {
  const next = peek(reader)
  if (next === '{') return members(reader, '}', () => key(reader) && value(reader))
  if (next === '[') return members(reader, ']', () => value(reader))
  return take(reader, next === '"' ? STRING : SCALAR)
}

function members(reader: Reader, end: string, member: () => boolean): boolean {
  reader.at++
  if (peek(reader) === end) return takeCharacter(reader, end)
  while (member()) {
    if (peek(reader) === end) return takeCharacter(reader, end)
    if (!takeCharacter(reader, ',')) return false
  }
  return false
}

function key(reader: Reader): boolean {
  return peek(reader) === '"' && take(reader, STRING) && takeCharacter(reader, ':')
}

function peek(reader: Reader): string {
  take(reader, SPACE)
  return reader.text.charAt(reader.at)
}

function takeCharacter(reader: Reader, wanted: string): boolean {
  if (peek(reader) !== wanted) return false
  reader.at++
  return true
}

function take(reader: Reader, pattern: RegExp): boolean {
  pattern.lastIndex = reader.at
  if (!pattern.test(reader.text)) return false
  reader.at = pattern.lastIndex
  return true
}
