// SPDX-License-Identifier: AGPL-3.0-or-later
/** HTTP/1.1 by hand, for what `fetch` will not send or hides. */
import { connect } from 'node:net'
import type { Registry } from './registry.ts'

export interface Exchange {
  /** Request line and headers; Host and the login are added. */
  readonly head: readonly string[]
  readonly body?: Uint8Array
  /** Sends the body only after `100 Continue`. */
  readonly awaitContinue?: boolean
  /** Breaks the connection so long after everything was sent. */
  readonly cutAfterMs?: number
}

export interface WireReply {
  readonly status: number
  /** Lower-case names, in the order they came; a name may come twice. */
  readonly headers: readonly (readonly [string, string])[]
  readonly body: Buffer
  /** Interim answers that came before. */
  readonly interim: readonly number[]
}

interface Head {
  readonly status: number
  readonly headers: WireReply['headers']
  readonly end: number
}

function readHead(bytes: Buffer): Head | undefined {
  const at = bytes.indexOf('\r\n\r\n')
  if (at < 0) return undefined
  const [first = '', ...lines] = bytes.toString('latin1', 0, at).split('\r\n')
  const headers = lines.map((line) => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const
  })
  return { status: Number(first.split(' ')[1]), headers, end: at + 4 }
}

/**
 * Sends one request on a connection of its own and reads to its end.
 * Resolves undefined when the connection was cut before an answer.
 */
export function exchange(
  { origin, authorization }: Pick<Registry, 'origin' | 'authorization'>,
  { head, body, awaitContinue = false, cutAfterMs }: Exchange,
): Promise<WireReply | undefined> {
  const { hostname, port, host } = new URL(origin)
  const lines = [
    ...head,
    `Host: ${host}`,
    'Connection: close',
    ...(authorization ? [`Authorization: ${authorization}`] : []),
  ]
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port) })
    let heard = Buffer.alloc(0)
    const interim: number[] = []
    const sendBody = () => {
      if (body) socket.write(body)
      if (cutAfterMs !== undefined) setTimeout(() => socket.destroy(), cutAfterMs)
    }
    socket.once('connect', () => {
      socket.write(`${lines.join('\r\n')}\r\n\r\n`)
      if (!awaitContinue) sendBody()
    })
    socket.on('data', (piece: Buffer) => {
      heard = Buffer.concat([heard, piece])
      for (;;) {
        const found = readHead(heard)
        if (!found || found.status >= 200) return
        interim.push(found.status)
        heard = heard.subarray(found.end)
        if (found.status === 100 && awaitContinue) sendBody()
      }
    })
    socket.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ECONNRESET' && error.code !== 'EPIPE') reject(error)
    })
    socket.once('close', () => {
      const found = readHead(heard)
      if (!found) return resolve(undefined)
      const { status, headers, end } = found
      resolve({ status, headers, body: heard.subarray(end), interim })
    })
  })
}
