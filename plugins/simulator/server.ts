// SPDX-License-Identifier: AGPL-3.0-or-later
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type ServerResponse,
} from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { DROPPED, type Outcome } from './exchanges.ts'
import { simulatorFaults } from './faults.ts'
import type { Answer, Asked } from './wire.ts'

/** Where one controller listens. */
export interface ListenOptions {
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
  readonly tls: { readonly key: string; readonly cert: string } | undefined
}

/** An open listener; disposing it breaks what connections there are. */
export interface Listener extends AsyncDisposable {
  readonly origin: string
}

/** The longest body that a controller takes; real ones are not generous either. */
const BODY_BYTES = 1_048_576

/** Opens one controller's own listener. Throws `simulator.listen` when the port is taken. */
export async function listen(
  options: ListenOptions,
  handle: (asked: Asked) => Promise<Outcome>,
): Promise<Listener> {
  const listener: RequestListener = (request, response) => void serve(request, response, handle)
  const server = options.tls
    ? createTlsServer({ key: options.tls.key, cert: options.tls.cert }, listener)
    : createServer(listener)
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => {
      const place = `${options.host}:${options.port}`
      reject(simulatorFaults.listen(`can not listen on ${place}: ${cause.message}`, { cause }))
    })
    server.listen(options.port, options.host, resolve)
  })
  const { port } = server.address() as AddressInfo
  const host = options.host.includes(':') ? `[${options.host}]` : options.host
  return {
    origin: `${options.tls ? 'https' : 'http'}://${host}:${port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise<void>((resolve) => void server.close(() => resolve()))
    },
  }
}

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  handle: (asked: Asked) => Promise<Outcome>,
): Promise<void> {
  try {
    const text = await bodyOf(request)
    const outcome = text === undefined ? { status: 413 } : await handle(askedOf(request, text))
    if (outcome === DROPPED) request.socket.destroy()
    else if ('write' in outcome && outcome.write) outcome.write(response)
    else send(response, request.method, outcome)
  } catch (error) {
    // The caller went away in the middle of its request: there is nobody to answer.
    if (request.destroyed && !request.complete) return
    // A bug of the simulator must look like one, not like a manner of some vendor.
    const message = String(error)
    send(response, request.method, {
      status: 500,
      body: { error: { code: 'Simulator.Bug', message } },
    })
  }
}

async function bodyOf(request: IncomingMessage): Promise<string | undefined> {
  const pieces: Buffer[] = []
  let size = 0
  for await (const piece of request as AsyncIterable<Buffer>) {
    size += piece.byteLength
    if (size > BODY_BYTES) return undefined
    pieces.push(piece)
  }
  return Buffer.concat(pieces).toString('utf8')
}

function askedOf(request: IncomingMessage, text: string): Asked {
  // Put together, not resolved: a path of `//` is a path here, not a host.
  const url = new URL(`http://controller${request.url ?? '/'}`)
  const headers = Object.fromEntries(
    Object.entries(request.headers).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.join(', ') : value,
    ]),
  )
  const method = (request.method ?? 'GET').toUpperCase()
  return { method, path: url.pathname, query: url.searchParams, headers, text }
}

function send(response: ServerResponse, method: string | undefined, answer: Answer): void {
  const body = answer.body === undefined ? undefined : JSON.stringify(answer.body)
  response.writeHead(answer.status, {
    'OData-Version': '4.0',
    'Cache-Control': 'no-store',
    ...answer.headers,
    ...(body !== undefined && {
      'Content-Type': 'application/json; charset=utf-8',
      'Content-Length': String(Buffer.byteLength(body)),
    }),
    ...(body === undefined && answer.status !== 204 && { 'Content-Length': '0' }),
  })
  response.end(method === 'HEAD' ? undefined : body)
}
