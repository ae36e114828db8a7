// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Chance } from './chance.ts'
import { mutateText, mutateValue } from './json-mutation.ts'
import type { Sample } from './routes.ts'

/** A request as it is sent; `body` undefined sends none. */
export interface Shot {
  readonly method: string
  readonly path: string
  readonly headers: Headers
  readonly body: string | Uint8Array<ArrayBuffer> | undefined
  readonly door: Sample['door']
}

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND', 'x']

const PIECES = [
  ...[
    '%00',
    '%2e%2e/',
    '..%2f',
    '//',
    '/./',
    '%',
    '%zz',
    '%ff%fe',
    ';a=b',
    '?',
    '#',
    '\\',
    ' ',
    '%0d%0a',
  ],
  ...['?limit=-1', '?limit=1e9', '?cursor=%00', '?cursor=bnVsbA', '?cursor=W10', '?status=x'],
  ...[
    '?label',
    '?label==',
    '?label=a=b&label=a=c',
    '?dry_run=maybe',
    '?follow=true',
    '?serial=%00',
  ],
  ...['é', '%F0%9F%92%A9', '__proto__', 'constructor', 'undefined', 'null', '0', 'x'.repeat(9_000)],
]

function mutatePath(path: string, chance: Chance): string {
  const at = 1 + chance.int(path.length)
  const piece = chance.pick(PIECES)
  switch (chance.int(4)) {
    case 0:
      return path.slice(0, at) + piece + path.slice(at)
    case 1:
      return path + piece
    case 2:
      return path.split('/').with(-1, piece).join('/')
    default:
      return chance.once(2) ? path.toUpperCase() : `${path}/`
  }
}

const KEPT = /maintenance/i

const base64 = (text: string) => Buffer.from(text).toString('base64')

const LOGINS: readonly ((chance: Chance) => string)[] = [
  () => 'Bearer',
  () => 'Bearer  ',
  () => 'Basic',
  () => `Basic ${base64('nocolon')}`,
  () => 'Basic %%%',
  () => `Bearer ${'a'.repeat(100_000)}`,
  () => `Bearer ${base64('{"alg":"none"}')}.${base64('{"role":"admin"}')}.`,
  () => `Bearer ${base64('{"alg":"HS256"}')}.${base64('[]')}.${base64('x')}`,
  () => 'Digest username="admin"',
  (chance) => `Bearer ${Buffer.from(chance.bytes(24)).toString('hex')}`,
]

const RANGES = [
  ...['bytes=', 'bytes=-', 'bytes=-0', 'bytes=5-2', 'bytes=0-0,-1', 'bytes=99999999999999999999-'],
  ...[
    'items=0-1',
    'bytes=0-1;q=2',
    'bytes=1e3-2e3',
    `bytes=${'0-1,'.repeat(2_000)}0-1`,
    'bytes=a-b',
  ],
  ...['bytes=9007199254740993-', 'bytes = 0 - 5', 'bytes=0-18446744073709551616'],
]

const OTHERS: readonly (readonly [string, readonly string[]])[] = [
  [
    'Content-Type',
    ['text/csv', 'text/csv; charset=utf-16', 'application/xml', '', ';;', 'multipart/form-data'],
  ],
  ['Accept', ['*/*;q=9', '', 'text/html']],
  ['Content-Length', ['-1', '1e9', 'abc', '99999999999999']],
  ['Content-Encoding', ['gzip', 'br', 'identity, gzip']],
  ['Idempotency-Key', ['', 'x'.repeat(5_000), '\u00ff', 'same', ' ']],
  ['X-Webhook-Secret', ['', 'wrong', 'x'.repeat(5_000)]],
  ['X-Forwarded-For', ['1.2.3.4', "'", 'x'.repeat(1_000)]],
  ['X-Request-Id', ['\u00ff', 'x'.repeat(5_000), '{}']],
  ['If-Match', ['*', '"', 'W/"', '"a","b"']],
  ['If-None-Match', ['*', '"', ',,,', `${'"a",'.repeat(1_000)}`]],
  ['If-Modified-Since', ['yesterday', 'Thu, 01 Jan 1970 00:00:00 GMT', '0', '-1']],
  ['If-Range', ['"', 'W/"x"', 'never']],
  ['Range', RANGES],
  ['Last-Event-ID', ['-1', 'NaN', '9'.repeat(400), '\u00ff']],
  ['Host', ['', 'a b', '[::1', 'x'.repeat(2_000)]],
  ['Cookie', ['=', 'a=b; '.repeat(500)]],
  ['Origin', ['null', 'http://evil.test']],
  ['Transfer-Encoding', ['chunked', 'chunked, chunked']],
]

function mutateHeaders(headers: Headers, chance: Chance): void {
  if (headers.has('Range') && chance.once(2)) headers.set('Range', chance.pick(RANGES))
  else if (chance.once(3)) headers.set('Authorization', chance.pick(LOGINS)(chance))
  else if (chance.once(8)) headers.delete('Authorization')
  else {
    const [name, values] = chance.pick(OTHERS)
    headers.set(name, chance.pick(values))
  }
}

function bodyOf(sample: Sample, chance: Chance, mutate: boolean): Shot['body'] {
  const { body } = sample
  if (body === undefined) return mutate && chance.once(2) ? mutateText('{}', chance) : undefined
  if (typeof body === 'string') return mutate ? mutateText(body, chance) : body
  if (!mutate) return JSON.stringify(body)
  if (chance.once(4)) return mutateText(JSON.stringify(body), chance)
  return JSON.stringify(mutateValue(body, chance))
}

/** Makes one malformed request: at least one thing in it is not as it should be. */
export function mutateRequest(sample: Sample, token: string, chance: Chance): Shot {
  const headers = new Headers({ 'Content-Type': 'application/json', ...sample.headers })
  headers.set('Authorization', `Bearer ${token}`)
  const what = chance.int(10)
  const changed = (kinds: readonly number[]) => kinds.includes(what)
  const method = changed([0]) ? chance.pick(METHODS) : sample.method
  const path = changed([1, 2, 9]) ? mutatePath(sample.path, chance) : sample.path
  if (changed([3, 4, 9])) mutateHeaders(headers, chance)
  // The valid jobs boot it: nobody may take it away.
  if (method === 'DELETE' && KEPT.test(path)) headers.delete('Authorization')
  const body = bodyOf(sample, chance, changed([0, 5, 6, 7, 8, 9]))
  const bare = method === 'GET' || method === 'HEAD'
  return { method, path, headers, body: bare ? undefined : body, door: sample.door }
}
