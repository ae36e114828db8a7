// SPDX-License-Identifier: AGPL-3.0-or-later
import { gzipSync } from 'node:zlib'
import type { Behaviour, Heard, Reply } from '../fake-bmc/scripted.ts'
import type { Chance } from './chance.ts'
import { mutateText, mutateValue } from './json-mutation.ts'

type Done = ReturnType<Behaviour>
/** What becomes of an honest answer. */
export type Vice = (honest: Reply, heard: Heard, chance: Chance) => Done

const textOf = ({ body }: Reply) => JSON.stringify(body ?? {})

/** The body under a head of its own; `length` may lie. */
const raw =
  (status: number, text: string | Uint8Array, headers: Readonly<Record<string, string>>): Done =>
  (response) => {
    response.writeHead(status, { 'Content-Type': 'application/json', ...headers })
    response.end(text)
  }

/** Piece by piece, for ever or until the whole is out. */
const dripping =
  (pieces: () => string | undefined, pauseMs: number): Done =>
  (response) => {
    response.writeHead(200, { 'Content-Type': 'application/json' })
    const timer = setInterval(() => {
      const piece = pieces()
      if (piece === undefined) response.end()
      else response.write(piece)
    }, pauseMs)
    response.on('close', () => clearInterval(timer))
  }

const wrongLength = (honest: Reply, by: number): Done => {
  const text = textOf(honest)
  return (_, socket) => {
    const length = Math.max(0, Buffer.byteLength(text) + by)
    socket.write(
      `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n${text}`,
    )
  }
}

const link = (uri: string) => ({ '@odata.id': uri })
const many = (path: string, count: number) =>
  Array.from({ length: count }, (_, index) => link(`${path}/${index}`))

const HTML =
  '<!DOCTYPE html><html><head><title>Login</title></head><body>Please log in</body></html>'
const STATUSES = [
  200, 201, 202, 204, 301, 302, 304, 307, 400, 401, 403, 404, 405, 409, 412, 415, 428, 429, 500,
  501, 502, 503, 504, 599,
]

// Made once: making them would cost more than all else here.
const NESTED = `${'{"a":['.repeat(20_000)}${']}'.repeat(20_000)}`
const LONG = 'x'.repeat(3_000_000)
const TOO_LONG = JSON.stringify('x'.repeat(9_000_000))
const BOMB = gzipSync(Buffer.alloc(50_000_000))

/** By name, so that a finding says what it was. */
export const vices: Readonly<Record<string, Vice>> = {
  'wrong types': (honest, _, chance) => ({
    ...honest,
    body: mutateValue(honest.body ?? {}, chance),
  }),
  'broken text': (honest, _, chance) => raw(200, mutateText(textOf(honest), chance), {}),
  html: () => raw(200, HTML, { 'Content-Type': 'text/html' }),
  'html as json': () => ({ body: HTML }),
  truncated: (honest, _, chance) => ({ body: textOf(honest).slice(0, chance.int(40)) }),
  empty: () => raw(200, '', {}),
  'not json at all': (_, __, chance) => raw(200, chance.bytes(300), {}),
  endless: () => dripping(() => '{"a":1},'.repeat(100), 5),
  slow: (honest) => {
    const letters = [...textOf(honest)]
    return dripping(() => letters.shift(), 40)
  },
  'too short': (honest, _, chance) => wrongLength(honest, 1 + chance.int(500)),
  'too long': (honest, _, chance) => wrongLength(honest, -(1 + chance.int(50))),
  silence: () => () => undefined,
  reset: () => (_, socket) => socket.destroy(),
  'reset in the body': (honest) => (response, socket) => {
    response.writeHead(200, { 'Content-Length': 100_000 })
    response.write(textOf(honest), () => socket.destroy())
  },
  'no http': () => (_, socket) => socket.end('SSH-2.0-OpenSSH_7.4\r\n'),
  'a loop of redirects': (_, heard) => ({ status: 307, headers: { Location: `${heard.path}?x` } }),
  'sent elsewhere': () => ({ status: 302, headers: { Location: 'http://192.0.2.1/redfish/v1' } }),
  'a broken redirect': (_, __, chance) => ({
    status: chance.pick([301, 308]),
    headers: { Location: chance.pick(['http://[', '', '//', 'javascript:1']) },
  }),
  status: (honest, _, chance) => ({ ...honest, status: chance.pick(STATUSES) }),
  'a huge collection': (honest, heard) => ({
    body: { ...(honest.body as object), Members: many(heard.path, 3_000) },
  }),
  'a cycle': (honest, heard) => ({
    body: {
      ...(honest.body as object),
      'Members@odata.nextLink': heard.path,
      Members: [link(heard.path), link('/redfish/v1')],
      Links: { ManagedBy: [link(heard.path)] },
      VirtualMedia: link(heard.path),
    },
  }),
  'deep nesting': () => raw(200, NESTED, {}),
  'a long string': (honest, _, chance) => {
    const body = { ...(honest.body as object) }
    return { body: { ...body, [chance.pick(['Id', 'Image', ...Object.keys(body)])]: LONG } }
  },
  'more than fits': () => raw(200, TOO_LONG, {}),
  'strange numbers': (honest) =>
    raw(200, textOf(honest).replace(/(true|false|null|\d+)/g, '-1e400'), {}),
  NaN: (honest) => raw(200, textOf(honest).replace(/(true|false|null)/g, 'NaN'), {}),
  'a broken gzip': (honest, _, chance) => {
    const whole = gzipSync(textOf(honest))
    return raw(200, chance.once(2) ? whole.subarray(0, 20) : textOf(honest), {
      'Content-Encoding': 'gzip',
    })
  },
  'a gzip bomb': () => raw(200, BOMB, { 'Content-Encoding': 'gzip' }),
  headers: (honest, _, chance) => ({
    ...honest,
    headers: {
      ...honest.headers,
      ETag: chance.pick(['"', 'W/', '', 'x'.repeat(8_000)]),
      'X-Auth-Token': chance.pick(['', 'x'.repeat(8_000), '\u00ff']),
      Location: chance.pick(['', '://', 'x'.repeat(4_000), '/redfish/v1/../../..']),
      'Retry-After': chance.pick(['-1', 'soon', '99999999999']),
      'Set-Cookie': 'a=b; Path=/',
    },
  }),
  'a task without an end': (_, heard) => ({
    status: 202,
    headers: { Location: heard.path },
    body: { '@odata.type': '#Task.v1_4_0.Task', '@odata.id': heard.path, TaskState: 'Running' },
  }),
  'a strange task': (_, heard, chance) => ({
    status: 202,
    body: {
      '@odata.id': heard.path,
      TaskState: chance.pick([7, null, 'Exploded', 'Exception', '']),
    },
  }),
  'a strange error': (_, __, chance) => ({
    status: chance.pick([400, 409, 500]),
    body: {
      error: mutateValue(
        {
          code: 'x',
          '@Message.ExtendedInfo': [{ MessageId: 'Base.1.0.GeneralError', MessageArgs: ['a'] }],
        },
        chance,
      ),
    },
  }),
}
