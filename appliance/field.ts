// SPDX-License-Identifier: AGPL-3.0-or-later
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { getRequestListener } from '@hono/node-server'
import { Hono } from 'hono'
import type { FieldRoutes } from '../core/hooks.ts'
import { clientAddressOf } from '../core/http/client-address.ts'
import type { ApiEnv } from '../core/http/env.ts'
import type { Logger } from '../core/log.ts'
import { MINUTE, SECOND } from '../core/units.ts'
import { openingFault } from './listen-faults.ts'

/** The routes of the BMC-facing listeners with the function that `node:http` calls. */
export interface Field extends FieldRoutes {
  readonly listener: RequestListener
}

/** RFC 9112 §3.2.2: a server takes `GET http://host/path` too; everything behind it sees `/path`. */
const originForm = (target: string): string => target.replace(/^https?:\/\/[^/?]*(?=[/?]|$)/i, '')

/** Routes for one set of plugins; made anew when they change. `app` brings its own middleware. */
export function createField(app: Hono<ApiEnv> = new Hono<ApiEnv>()): Field {
  const raws: { prefix: string; handler: Parameters<FieldRoutes['raw']>[1] }[] = []
  const toApp = getRequestListener(
    (request, env) =>
      app.fetch(request, {
        ...env,
        clientAddress: clientAddressOf(env.incoming as IncomingMessage),
      }),
    // HTTP/1.0 health checks send no Host. Global objects must stay Bun's: its own Response breaks without.
    { overrideGlobalObjects: false, hostname: 'localhost' },
  )
  return {
    app,
    raw(prefix, handler) {
      raws.push({ prefix, handler })
      raws.sort((a, b) => b.prefix.length - a.prefix.length)
    },
    listener(request, response) {
      request.url = originForm(request.url ?? '/')
      const raw = raws.find(({ prefix }) => request.url?.startsWith(prefix))
      if (raw) raw.handler(request, response)
      else void toApp(request, response)
    },
  }
}

/** PEM of one listener. */
export interface FieldTls {
  readonly key: string
  /** The chain, leaf first. */
  readonly cert: string
}

export interface FieldLimits {
  /** From the connection to the end of the first request's header. */
  readonly headerMs: number
  /** A kept-alive connection without a request. */
  readonly idleMs: number
  /** A request or response of which no byte moves. */
  readonly stallMs: number
  /** What running responses get to end in when we close. */
  readonly closeMs: number
}

const LIMITS: FieldLimits = {
  headerMs: 20 * SECOND,
  idleMs: 60 * SECOND,
  // A BMC that reads ahead in one long response takes nothing while its machine starts up.
  stallMs: 30 * MINUTE,
  closeMs: 5 * SECOND,
}

export interface FieldOptions {
  /** `host:port` or `:port`; port 0 takes a free one. */
  readonly listen: string
  /** Given: HTTPS. */
  readonly tls?: FieldTls
  /** Asked anew for every request, so its `listener` may be exchanged while the port stays open. */
  readonly field: Pick<Field, 'listener'>
  readonly log: Logger
  readonly limits?: Partial<FieldLimits>
}

/** An open BMC-facing port. Disposing lets running responses end, for a while. */
export interface OpenField extends AsyncDisposable {
  readonly port: number
  /** Takes another certificate for new connections. Only where `tls` was given. */
  renew(tls: FieldTls): void
}

/** Bytes that went through a connection so far, both ways. */
const movedBytes = (socket: Socket) => socket.bytesRead + socket.bytesWritten

/**
 * Cuts connections that send no request or stand still in the middle of one, and knows which are at
 * work. Bun's own time-outs do not see sockets that a TLS server hands to an HTTP server.
 */
function guardConnections(server: Server, limits: FieldLimits) {
  const sockets = new Map<Socket, { running: number; timer: Timer | undefined }>()
  let closing = false
  const rest = (socket: Socket, ms: number) => {
    const state = sockets.get(socket)
    if (!state || state.running > 0) return
    clearTimeout(state.timer)
    if (closing) socket.destroy()
    else state.timer = setTimeout(() => socket.destroy(), ms)
  }
  const work = (socket: Socket) => {
    const state = sockets.get(socket)
    const before = movedBytes(socket)
    clearTimeout(state?.timer)
    if (!state) return
    state.timer = setTimeout(
      () => (movedBytes(socket) === before ? socket.destroy() : work(socket)),
      limits.stallMs,
    )
  }
  server.on('connection', (socket: Socket) => {
    sockets.set(socket, { running: 0, timer: undefined })
    socket.on('close', () => {
      clearTimeout(sockets.get(socket)?.timer)
      sockets.delete(socket)
    })
    rest(socket, limits.headerMs)
  })
  server.on('request', ({ socket }, response) => {
    const state = sockets.get(socket)
    if (!state) return
    state.running++
    work(socket)
    response.on('close', () => {
      state.running--
      rest(socket, limits.idleMs)
    })
  })
  return {
    closeIdle() {
      closing = true
      for (const socket of sockets.keys()) rest(socket, 0)
    },
    closeAll() {
      for (const socket of sockets.keys()) socket.destroy()
    },
  }
}

/** What is no HTTP is answered, if it can be, and never takes the process with it. */
function answerMalformed(error: NodeJS.ErrnoException, socket: Socket, log: Logger): void {
  log.debug({ code: error.code, from: socket.remoteAddress }, 'not a request')
  if (!socket.writable || error.code === 'ECONNRESET') socket.destroy()
  else {
    const status =
      error.code === 'HPE_HEADER_OVERFLOW'
        ? '431 Request Header Fields Too Large'
        : '400 Bad Request'
    socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
  }
}

function createHttp({ field, log }: FieldOptions, limits: FieldLimits): Server {
  const server = createServer(
    { keepAliveTimeout: limits.idleMs, requireHostHeader: false },
    (request, response) => {
      try {
        field.listener(request, response)
      } catch (err) {
        log.error({ err }, 'bug in a request of a BMC')
        if (response.headersSent) response.destroy()
        else response.writeHead(500, { 'Content-Length': 0, Connection: 'close' }).end()
      }
    },
  )
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) =>
    answerMalformed(error, socket, log),
  )
  return server
}

/** The outer server: the HTTP one itself, or a TLS server that hands its sockets to it. */
function createListening(http: Server, options: FieldOptions, limits: FieldLimits) {
  if (!options.tls) return { listening: http, renew: undefined }
  // Not node:https: there Bun can not change the certificate of an open port.
  const tls = createTlsServer({ ...options.tls, handshakeTimeout: limits.headerMs }, (socket) =>
    http.emit('connection', socket),
  )
  tls.on('tlsClientError', (error: NodeJS.ErrnoException, socket) => {
    options.log.debug({ code: error.code }, 'TLS handshake failed')
    socket.destroy()
  })
  return { listening: tls, renew: (next: FieldTls) => tls.setSecureContext({ ...next }) }
}

/** Opens one BMC-facing port. Throws `server.port-taken` or `server.not-opened`, naming the key. */
export async function openField(options: FieldOptions): Promise<OpenField> {
  const limits = { ...LIMITS, ...options.limits }
  const http = createHttp(options, limits)
  const guard = guardConnections(http, limits)
  const { listening, renew } = createListening(http, options, limits)
  const [, host, port] = /^(.*):(\d+)$/.exec(options.listen) ?? []
  const key = options.tls ? 'server.bmc_https' : 'server.bmc_http'
  await new Promise<void>((resolve, reject) => {
    listening.once('error', (cause) => reject(openingFault(cause, options.listen, key)))
    const address = host?.replace(/^\[|\]$/g, '')
    listening.listen({ port: Number(port), ...(address ? { host: address } : {}) }, resolve)
  })
  return {
    port: (listening.address() as AddressInfo).port,
    renew(tls) {
      if (!renew) throw new Error('this port speaks plain HTTP')
      renew(tls)
    },
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => listening.close(() => resolve()))
      guard.closeIdle()
      const late = Promise.withResolvers<void>()
      const timer = setTimeout(late.resolve, limits.closeMs)
      await Promise.race([closed, late.promise])
      clearTimeout(timer)
      guard.closeAll()
    },
  }
}
