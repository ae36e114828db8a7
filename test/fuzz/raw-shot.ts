// SPDX-License-Identifier: AGPL-3.0-or-later
import { connect } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { Chance } from './chance.ts'
import { mutateRequest, type Shot } from './request-mutation.ts'
import type { Sample } from './routes.ts'

/** Bytes for a socket. `whole`: it is a request, so it must be answered or cut off. */
export interface RawShot {
  readonly bytes: Buffer
  readonly whole: boolean
}

/** What came back: a status, a closed connection, or nothing at all. */
export type RawAnswer = number | 'closed' | 'silent'

// A request head is Latin-1 on the wire; line ends in a value would be another header.
const clean = (text: string) => text.replace(/[\r\n\0]/g, '')

function headOf({ method, path, headers, body }: Shot, sizeBytes: number): string {
  const lines = [...headers]
    .filter(([name]) => !/^(host|content-length|transfer-encoding)$/.test(name))
    .map(([name, value]) => `${name}: ${clean(value)}`)
  const length = body === undefined ? [] : [`Content-Length: ${sizeBytes}`]
  const first = `${method} ${clean(path).replaceAll(' ', '%20')} HTTP/1.1`
  return [first, 'Host: appliance.test', 'Connection: close', ...lines, ...length, '', ''].join(
    '\r\n',
  )
}

const insert = (bytes: Buffer, at: number, piece: Buffer) =>
  Buffer.concat([bytes.subarray(0, at), piece, bytes.subarray(at)])

const JUNK = [
  ...[
    'GET',
    '\r\n\r\n',
    'GET / HTTP/9.9\r\n\r\n',
    'GET / HTTP/1.1\r\nHost\r\n\r\n',
    '\x16\x03\x01\x02\x00\x01\x00',
  ],
  ...['GET / HTTP/1.1\r\n Host: a\r\n\r\n', 'GET http://[::1 HTTP/1.1\r\nHost: a\r\n\r\n'],
  ...['POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef'],
  ...[
    'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n',
  ],
  ...['POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n'],
  ...['POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nx'],
  ...['GET / HTTP/1.1\r\nHost: a\r\nExpect: 200-ok\r\n\r\n', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ...[
    `GET / HTTP/1.1\r\nHost: a\r\nX: ${'y'.repeat(70_000)}\r\n\r\n`,
    `GET /${'a'.repeat(70_000)} HTTP/1.1\r\n\r\n`,
  ],
  ...[
    `GET / HTTP/1.1\r\n${'A: b\r\n'.repeat(5_000)}\r\n`,
    'GET / HTTP/1.1\r\nHost: a\r\nA\0: b\r\n\r\n',
  ],
  ...[
    'CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n',
    'OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n',
    'GET / HTTP/1.0\r\n\r\n',
  ],
]

/** A malformed request as bytes: made of a sample, mangled, or junk. */
export function rawShot(sample: Sample, token: string, chance: Chance): RawShot {
  if (chance.once(5)) return { bytes: Buffer.from(chance.pick(JUNK), 'latin1'), whole: false }
  const shot = mutateRequest(sample, token, chance)
  const body = Buffer.from(shot.body ?? '')
  const bytes = Buffer.concat([Buffer.from(headOf(shot, body.length), 'latin1'), body])
  const at = chance.int(bytes.length)
  switch (chance.int(6)) {
    case 0:
      return { bytes: bytes.subarray(0, at), whole: false }
    case 1:
      return {
        bytes: insert(bytes, at, Buffer.from(chance.bytes(1 + chance.int(6)))),
        whole: false,
      }
    case 2:
      return {
        bytes: insert(bytes, at, Buffer.from(chance.pick(['\r\n', '\0', ':', ' ', '\n']))),
        whole: false,
      }
    default:
      return { bytes, whole: true }
  }
}

/** Sends bytes and waits for a status line, the end, or `waitMs`; then cuts the connection. */
export function send(
  place: { readonly port: number; readonly tls: boolean },
  bytes: Buffer,
  waitMs: number,
): Promise<RawAnswer> {
  const { port, tls } = place
  return new Promise((resolve) => {
    const to = { host: '127.0.0.1', port }
    const socket = tls ? connectTls({ ...to, rejectUnauthorized: false }) : connect(to)
    let heard = ''
    const done = (answer: RawAnswer) => {
      clearTimeout(timer)
      socket.destroy()
      resolve(answer)
    }
    const timer = setTimeout(() => done('silent'), waitMs)
    socket.once(tls ? 'secureConnect' : 'connect', () => void socket.write(bytes))
    socket.on('data', (piece: Buffer) => {
      heard += piece.toString('latin1', 0, 64)
      const [, status] = /^HTTP\/1\.[01] (\d{3})/.exec(heard) ?? []
      if (status && status !== '100') done(Number(status))
    })
    socket.on('error', () => done('closed'))
    socket.on('close', () => done('closed'))
  })
}
