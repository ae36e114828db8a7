// SPDX-License-Identifier: AGPL-3.0-or-later
import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import https from 'node:https'
import type { AddressInfo, Socket } from 'node:net'

/** A request as the scripted BMC got it. */
export interface Heard {
  readonly method: string
  /** With its query. */
  readonly path: string
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
  /** Parsed JSON; undefined when the body is empty. */
  readonly body: unknown
}

export interface Reply {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  /** Text goes out as it is, everything else as JSON. */
  readonly body?: unknown
}

/** What a BMC does with a request: an answer, or something done to the socket itself. */
export type Behaviour = (
  heard: Heard,
) => Reply | ((response: ServerResponse, socket: Socket) => void)

export interface ScriptedBmc extends AsyncDisposable {
  readonly url: string
  readonly heard: readonly Heard[]
  /** `METHOD /path` of everything heard, in order. */
  lines(): readonly string[]
  /** Connections that were accepted. */
  readonly connections: () => number
}

export interface ScriptedOptions {
  readonly tls?: { readonly key: string; readonly cert: string; readonly maxVersion?: 'TLSv1.1' }
}

async function hear(request: IncomingMessage): Promise<Heard> {
  const pieces: Buffer[] = []
  for await (const piece of request as AsyncIterable<Buffer>) pieces.push(piece)
  const text = Buffer.concat(pieces).toString('utf8')
  return {
    method: request.method ?? '',
    path: request.url ?? '',
    headers: request.headers,
    text,
    body: text === '' ? undefined : JSON.parse(text),
  }
}

function answer(response: ServerResponse, { status = 200, headers, body }: Reply): void {
  const text = body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body)
  response.writeHead(status, {
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(text),
    ...headers,
  })
  response.end(text)
}

/** A BMC on a loopback socket that does what `behave` says. */
export async function scriptBmc(
  behave: Behaviour,
  { tls }: ScriptedOptions = {},
): Promise<ScriptedBmc> {
  const heard: Heard[] = []
  let connections = 0
  const listener = async (request: IncomingMessage, response: ServerResponse) => {
    const one = await hear(request)
    heard.push(one)
    const done = behave(one)
    if (typeof done === 'function') done(response, request.socket)
    else answer(response, done)
  }
  const server = tls
    ? https.createServer({ minVersion: 'TLSv1', ...tls }, listener)
    : http.createServer(listener)
  server.on('connection', () => {
    connections++
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `${tls ? 'https' : 'http'}://127.0.0.1:${port}`,
    heard,
    lines: () => heard.map(({ method, path }) => `${method} ${path}`),
    connections: () => connections,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise<void>((resolve) => void server.close(() => resolve()))
    },
  }
}

/** An error body with one extended message. */
export const refusalBody = (id: string, text = '', args: readonly string[] = []) => ({
  error: {
    code: 'Base.1.8.GeneralError',
    message: 'A general error has occurred.',
    '@Message.ExtendedInfo': [
      { MessageId: id, ...(text ? { Message: text } : {}), MessageArgs: args },
    ],
  },
})
