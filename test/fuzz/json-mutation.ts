// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Chance } from './chance.ts'

const nested = (depth: number): unknown => {
  let value: unknown = 1
  for (let level = 0; level < depth; level++) value = level % 2 === 0 ? { a: value } : [value]
  return value
}

/** What no field expects; made anew, so that nothing is shared between requests. */
const strangers: readonly ((chance: Chance) => unknown)[] = [
  () => null,
  () => true,
  () => -1,
  () => 1e308,
  () => 2 ** 53,
  () => 0.1,
  () => '',
  () => ' ',
  () => '\0',
  () => '\u{d800}',
  () => '\u202e\u0301\u{1f4a9}',
  () => '../../../etc/passwd',
  () => "' OR 1=1 --",
  () => '%00%2e%2e',
  () => '{{7*7}}',
  () => 'http://[::1]:1/',
  () => 'http://127.0.0.1:1/',
  () => '<script>alert(1)</script>',
  () => '1e999',
  () => [],
  () => ({}),
  () => [[], [null], {}],
  () => JSON.parse('{"__proto__":{"admin":true},"constructor":{"prototype":1}}'),
  (chance) => 'x'.repeat(chance.pick([63, 65, 129, 2_001, 70_000])),
  (chance) => nested(chance.pick([10, 70, 500])),
  (chance) => Array.from({ length: chance.pick([100, 3_000]) }, (_, index) => index),
  (chance) => Buffer.from(chance.bytes(12)).toString('latin1'),
]

type Holder = Record<string, unknown> | unknown[]

/** Every object and list within a value. */
function holders(value: unknown): Holder[] {
  if (typeof value !== 'object' || value === null) return []
  return [value as Holder, ...Object.values(value).flatMap(holders)]
}

function changeHolder(holder: Holder, chance: Chance): void {
  const stranger = chance.pick(strangers)(chance)
  if (Array.isArray(holder)) {
    if (chance.once(2) || holder.length === 0) holder.push(stranger)
    else holder[chance.int(holder.length)] = stranger
    return
  }
  const keys = Object.keys(holder)
  const key = keys.length > 0 ? chance.pick(keys) : 'extra'
  if (chance.once(4)) delete holder[key]
  else if (chance.once(6)) holder[chance.pick(['extra', '', 'a.b', 'length'])] = stranger
  else holder[key] = stranger
}

/** A copy that is wrong in one to three places. */
export function mutateValue(value: unknown, chance: Chance): unknown {
  const copy: unknown = structuredClone(value)
  const places = holders(copy)
  if (places.length === 0 || chance.once(20)) return chance.pick(strangers)(chance)
  for (let times = 1 + chance.int(3); times > 0; times--) changeHolder(chance.pick(places), chance)
  return copy
}

const insertAt = (text: string, at: number, what: string) =>
  text.slice(0, at) + what + text.slice(at)

/** Breaks text as lines and parsers do. */
export function mutateText(text: string, chance: Chance): string | Uint8Array<ArrayBuffer> {
  const at = chance.int(text.length + 1)
  switch (chance.int(9)) {
    case 0:
      return text.slice(0, at)
    case 1:
      return insertAt(text, at, chance.pick(['"', '{', '}', ',', '\\', '\0', '\n', '\r\n', ';']))
    case 2:
      return `\uFEFF${text}`
    case 3:
      return `${text}${text}`
    case 4:
      return '['.repeat(chance.pick([100, 20_000]))
    case 5:
      return Buffer.from(text, 'utf16le') as Uint8Array<ArrayBuffer>
    case 6:
      return insertAt(text, at, '9'.repeat(400))
    case 7:
      return chance.bytes(chance.int(200))
    default: {
      const bytes = new TextEncoder().encode(text || ' ')
      bytes[chance.int(bytes.length)] = chance.int(256)
      return bytes
    }
  }
}
